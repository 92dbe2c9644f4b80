"""`Duplicati`: one server, logged in, with a noun for everything it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..http import ConnectionSettings, SocketTransport, Transport
from .auth.credentials import Credentials
from .auth.store import MemorySessionStore, Session, SessionStore, load_own
from .backups import Backups
from .channel import Channel
from .logs import Logs
from .models import SystemInfo
from .notifications import Notifications
from .progress import ProgressReader
from .settings import Settings
from .state import States
from .tasks import Tasks
from .versions import Versions

if TYPE_CHECKING:
    from .events import Event
    from .followed import Item, StartedTask
    from .maintenance import Maintenance
    from .runs import Runs


class Duplicati:
    """A Duplicati server of any release from 2.0.6 on; nothing is sent before the first question.

    The session is opened by itself when it is needed: from `store` if it holds one, else with `credentials`. Every
    method raises `errors.DuplicatiClientError` and nothing else.

    >>> from duplicati_client import Duplicati, Credentials
    >>> with Duplicati(URL, credentials=Credentials(password=PASSWORD)) as server:
    ...     [backup.name for backup in server.backups.list()]
    ['Documents', 'Photos', 'Mail', 'Database', 'Archive']
    """

    def __init__(  # noqa: PLR0913 - all but the address by name, and each with a default
        self,
        url: str = "",
        *,
        credentials: Credentials | None = None,
        connection: ConnectionSettings | None = None,
        store: SessionStore | None = None,
        transport: Transport | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """`transport` replaces the socket to `url`; `trace` hears one line a request, free of secrets."""
        self.connection = connection or ConnectionSettings()
        self._transport = transport or SocketTransport(url, self.connection, trace=trace)
        self._channel = Channel(self._transport, credentials or Credentials(), store or MemorySessionStore())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base URL in its normal form."""
        return self._transport.base_url

    @property
    def channel(self) -> Channel:
        """What the nouns speak through: for what lies below them, such as finding out why a server refuses."""
        return self._channel

    @property
    def generation(self) -> str:
        """`modern` (2.1 and later) or `legacy` (2.0)."""
        return self._channel.generation

    @property
    def release(self) -> tuple[int, ...]:
        """The server's version as numbers, such as `(2, 3, 1, 0)`."""
        return self._channel.release

    @property
    def system(self) -> SystemInfo:
        """The server's description, asked once."""
        return self._channel.system

    @property
    def session(self) -> Session | None:
        """The stored session with this server, if there is one; it holds secrets: never print it."""
        return load_own(self._channel.store, self.url)

    def login(self) -> None:
        """Log in now with the credentials and end the stored session; raises `LoginMissing`, `LoginRefused`."""
        with self._channel.discreet():
            self._channel.probe_again()
            self._channel.access.login()

    def logout(self) -> bool:
        """End the session on the server and forget it here; False if the server does not prove that it is over."""
        with self._channel.discreet():
            return self._channel.access.logout()

    def close(self) -> None:
        """Give up connections; the session stays valid."""
        self._transport.close()

    @cached_property
    def backups(self) -> Backups:
        """The saved definitions."""
        return Backups(self._channel)

    @cached_property
    def runs(self) -> Runs:
        """Starting and following runs."""
        from .runs import Runs  # noqa: PLC0415 - most commands follow nothing

        return Runs(self._channel)

    @cached_property
    def maintenance(self) -> Maintenance:
        """Starting and following what looks after a backup's data: verify, repair, compact, vacuum."""
        from .maintenance import Maintenance  # noqa: PLC0415 - most commands follow nothing

        return Maintenance(self._channel)

    def follow(self, started: StartedTask) -> Iterator[Item | None]:
        """Follow what `runs` or `maintenance` has started to its end; see `Following.follow`."""
        from .following import Following  # noqa: PLC0415 - most commands follow nothing

        return Following(self._channel).follow(started)

    @cached_property
    def tasks(self) -> Tasks:
        """The queue."""
        return Tasks(self._channel)

    @cached_property
    def progress(self) -> ProgressReader:
        """How far the running task is."""
        return ProgressReader(self._channel)

    @cached_property
    def state(self) -> States:
        """What the server does now."""
        return States(self._channel)

    @cached_property
    def logs(self) -> Logs:
        """Logs of backups and of the server."""
        return Logs(self._channel)

    @cached_property
    def notifications(self) -> Notifications:
        """What the server wants a person to see."""
        return Notifications(self._channel)

    @cached_property
    def settings(self) -> Settings:
        """The server's settings."""
        return Settings(self._channel)

    @cached_property
    def versions(self) -> Versions:
        """The restorable points in time."""
        return Versions(self._channel)

    def events(self) -> Iterator[Event | None]:
        """Yield what happens on the server, live, for ever; None about once a second."""
        from .events import follow  # noqa: PLC0415 - most commands follow nothing

        return follow(self._channel)
