"""Names of what a server has, within the time a person waits for TAB; nobody is asked and nothing is said.

The session is used as it lies there: a renewal cut off half-way would lose it. Where it has to be renewed first, or the
server is slow, another process does that in its own time and leaves the names for the next TAB (see `cache`). Neither
ever logs in: a password is not looked for, so no keyring asks to be unlocked and no wrong password is tried again.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ...sdk.auth.credentials import Credentials
from ...sdk.auth.store import MemorySessionStore, load_own
from ...sdk.client import Duplicati
from .. import configuration
from ..choosing import choose_targets
from ..connecting import open_store, read_connection
from ..context import Target, find_context, is_fleet
from ..program import PROGRAM
from .cache import DAEMONS_OF, Cache, Kept, Name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ...sdk.auth.store import Session, SessionStore
    from ..call import Call

_PATIENCE_SECONDS = 0.3
_FRESH_SECONDS = 10.0
_DAY_SECONDS = 86400.0
_MARGIN_SECONDS = 5.0
_POLL_SECONDS = 0.01
_BACKGROUND_SECONDS = 30.0


class _Kind(NamedTuple):
    """How names of a kind are read, and how old they may be while the server gives no newer ones."""

    read: Callable[[Duplicati], list[Name]]
    useful_seconds: float


def _read_backups(server: Duplicati) -> list[Name]:
    return choose_words([(backup.name, backup.backup_id) for backup in server.backups.list()])


def _read_tasks(server: Duplicati) -> list[Name]:
    from ...operations.queue import read_queue  # noqa: PLC0415 - few lines name a task

    return [
        Name(str(task.task_id), " ".join(filter(None, (task.status, task.operation, task.backup_name))))
        for task in read_queue(server, server.state.get(), server.backups.list())
    ]


def _read_notifications(server: Duplicati) -> list[Name]:
    from ...operations.list import list_notifications  # noqa: PLC0415 - few lines name a notification

    return [Name(str(found.notification_id), f"{found.kind}: {found.title}") for found in list_notifications(server)]


def _read_settings(server: Duplicati) -> list[Name]:
    return [Name(name) for name in sorted(server.settings.list())]


_KINDS: Mapping[str, _Kind] = {
    "backup": _Kind(_read_backups, _DAY_SECONDS),
    "setting": _Kind(_read_settings, _DAY_SECONDS),
    "task": _Kind(_read_tasks, _FRESH_SECONDS),
    "notification": _Kind(_read_notifications, _FRESH_SECONDS),
}


def choose_words(backups: Sequence[tuple[str, str]]) -> list[Name]:
    """Return the word that means each backup: its name, or its id where the name would not do.

    It would not if it means another backup too, looks like an option, or holds what no line can show: line breaks,
    escapes, marks that turn the reading direction.
    """
    ids = {backup_id for _, backup_id in backups}
    counts: dict[str, int] = {}
    for name, _ in backups:
        counts[name] = counts.get(name, 0) + 1
    chosen = []
    for name, backup_id in backups:
        is_good = is_writable(name) and counts[name] == 1 and name not in ids
        chosen.append(Name(name, f"backup {backup_id}") if is_good else Name(backup_id, f"called {name}"))
    return chosen


def is_writable(word: str) -> bool:
    """Say whether a word can be offered as it is: printable, no option, and without blanks around it."""
    return bool(word) and word.isprintable() and not word.startswith("-") and word == word.strip()


class NameFinder:
    """Finds names for one TAB, which waits for 300 ms in all; asked again for the same it says the same.

    `spawn` starts this program again beside this one, with the words given.
    """

    def __init__(self, spawn: Callable[[Sequence[str]], None] | None = None) -> None:
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        self._spawn = spawn or _spawn
        self._found: dict[str, list[Name]] = {}

    def __call__(self, call: Call, kind: str) -> list[Name]:
        """Return what the server that is meant has of a kind, or what is known of it."""
        if kind not in self._found:
            self._found[kind] = _find_names(call, kind, self._deadline, self._spawn)
        return self._found[kind]


def _find_names(call: Call, kind: str, deadline: float, spawn: Callable[[Sequence[str]], None]) -> list[Name]:
    fleet = kind.removeprefix(DAEMONS_OF) if kind.startswith(DAEMONS_OF) else None
    place = _find_place(call, fleet)
    if place is None or (fleet is None and kind not in _KINDS):
        return []
    target, store, cache = place
    if is_fleet(call, target.context):
        return _find_beside(call, target, cache, kind, deadline)
    session = load_own(store, target.url)
    if session is None:
        cache.forget()
        return []
    kept = cache.read(kind)
    if kept is not None and kept.age_seconds < _FRESH_SECONDS:
        return kept.names
    if _is_usable(session):
        server = _open(call, target, _lend(session))
        names = _read_in_time(lambda: _KINDS[kind].read(server), deadline - time.monotonic())
        if names is not None:
            cache.write(kind, names)
            return names
    if cache.claim():
        spawn(["completion", "refresh", kind, "--context", target.label])
        if not _is_usable(session):
            kept = _wait_for(cache, kind, deadline) or kept
    return kept.names if kept is not None and kept.age_seconds < _KINDS[kind].useful_seconds else []


def refresh_names(call: Call, kind: str) -> None:
    """Renew the session if need be and leave the names where the next TAB finds them; nobody sees what goes wrong."""
    place = _find_place(call)
    if kind not in _KINDS or place is None:
        return
    target, store, cache = place
    server = _open(call, target, store)
    names = _read_in_time(lambda: _KINDS[kind].read(server), _BACKGROUND_SECONDS)
    if names is not None:
        cache.write(kind, names)


def _find_beside(call: Call, target: Target, cache: Cache, kind: str, deadline: float) -> list[Name]:
    """Return what a task server knows; where it is slow nobody goes on asking in the background."""
    from . import beside  # noqa: PLC0415 - few have a task server

    def read() -> list[Name]:
        if kind.startswith(DAEMONS_OF):
            return beside.list_daemons(call, target)
        if kind != "backup" or target.place is None:
            return []
        return choose_words(beside.list_backups(call, target, target.place))

    kept = cache.read(kind)
    if kept is not None and kept.age_seconds < _FRESH_SECONDS:
        return kept.names
    names = _read_in_time(read, deadline - time.monotonic())
    if names is not None:
        cache.write(kind, names)
        return names
    return kept.names if kept is not None and kept.age_seconds < _DAY_SECONDS else []


def _find_place(call: Call, fleet: str | None = None) -> tuple[Target, SessionStore, Cache] | None:
    """Return the first server that is meant; None where that is none, or one without a context and so a session."""
    try:
        target = choose_targets(call)[0] if fleet is None else find_context(call, fleet)
    except errors.DuplicatiClientError:
        return None
    folder = configuration.find_state_folder(call.process.environ)
    # A keyring may have to be unlocked, and would ask in the middle of a line.
    if target.context is None or folder is None or call.value("keyring_session", target.context):
        return None
    return target, open_store(call, target), Cache(folder, target.label if target.place else target.context, target.url)


def _is_usable(session: Session) -> bool:
    """Say whether nothing has to be renewed first; the legacy generation's cookies tell no end."""
    return session.access_token is None or session.access_ends_at - time.time() > _MARGIN_SECONDS


def _lend(session: Session) -> SessionStore:
    """Return the session without what could renew it, so that nothing here can."""
    store = MemorySessionStore()
    store.save(session._replace(refresh_token=None, refresh_nonce=None, cookie_name=None))
    return store


def _open(call: Call, target: Target, store: SessionStore) -> Duplicati:
    connection = read_connection(call, target.context)
    make_transport = call.process.make_transport
    transport = make_transport(target.url, connection) if make_transport else None
    return Duplicati(target.url, credentials=Credentials(), connection=connection, store=store, transport=transport)


def _read_in_time(read_names: Callable[[], list[Name]], seconds: float) -> list[Name] | None:
    """Read in a thread that is left behind when the time is over: looking up a host's name cannot be cut short."""
    from threading import Thread  # noqa: PLC0415 - what is cached needs none

    found: list[list[Name]] = []

    def read() -> None:
        with suppress(Exception):  # whatever is wrong, a line is being typed that nothing may be written into
            found.append(read_names())

    thread = Thread(target=read, daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    return found[0] if found else None


def _wait_for(cache: Cache, kind: str, deadline: float) -> Kept | None:
    """Return what the other process leaves before the deadline: a server near by is quick enough."""
    while time.monotonic() < deadline:
        kept = cache.read(kind)
        if kept is not None and kept.age_seconds < _FRESH_SECONDS:
            return kept
        time.sleep(_POLL_SECONDS)
    return None


def _spawn(words: Sequence[str]) -> None:
    """Start this program again, without a terminal, for as long as it needs."""
    import subprocess  # noqa: PLC0415 - only where the server is not quick

    command = [*PROGRAM, *words]
    nothing = subprocess.DEVNULL
    flags = 0x8 if sys.platform == "win32" else 0  # DETACHED_PROCESS
    with suppress(OSError):
        subprocess.Popen(  # noqa: S603 - this program itself
            command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, creationflags=flags
        )
