"""One visit to a server: how it is reached, what was asked and answered, with times; judges nothing."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ... import errors
from ...http import Answer, ConnectionSettings, Origin, Request, SocketTransport, Transport, parse_url
from ...route import Proxy, Sighting, Watch
from ...sdk.client import Duplicati
from ..masking import hide_url
from .report import Findings

# What tells who answers, and holds no secret; an address in it may, and is shown without.
_TELLING_HEADERS = (
    "Server", "Via", "Date", "Content-Type", "WWW-Authenticate", "Proxy-Authenticate", "Location", "Allow",
    "Retry-After", "X-Powered-By",
)  # fmt: skip
_HEADER_CHARACTERS = 200
_SECONDS_FOR_A_LOOK = 5.0
_TITLE = re.compile(rb"<title[^>]{0,200}>\s*([^<]{1,200})", re.IGNORECASE)
Connect = Callable[[str, ConnectionSettings, Watch], Transport]


def connect_by_socket(url: str, settings: ConnectionSettings, watch: Watch) -> Transport:
    """Return the transport that every command uses."""
    return SocketTransport(url, settings, watch=watch)


class Case(NamedTuple):
    """A server to examine, and how it is connected to.

    `is_login_expected`: that there is nothing to log in with counts as a refusal, not as a login that was not tried.
    """

    server: Duplicati
    connection: ConnectionSettings
    is_login_expected: bool = False
    connect: Connect = connect_by_socket
    clock: Callable[[], float] = time.time

    @property
    def url(self) -> str:
        """The server's base URL."""
        return self.server.url


class Exchange(NamedTuple):
    """A request and its answer; `answered_at` is this machine's clock, halfway between the two."""

    asked: str
    answer: Answer
    took_ms: float
    answered_at: float

    def tell(self) -> dict[str, Any]:
        """Return what a person may see of it as evidence."""
        found = {name: self.answer.header(name) for name in _TELLING_HEADERS}
        headers = {name: hide_url(value[:_HEADER_CHARACTERS]) for name, value in found.items() if value}
        told: dict[str, Any] = {"request": self.asked, "status": self.answer.status, "headers": headers}
        title = read_title(self.answer)
        return told | ({"page": title} if title else {})


def read_title(answer: Answer) -> str | None:
    """Return the title of a web page, or None."""
    found = _TITLE.search(answer.body)
    return " ".join(found[1].decode("utf-8", "replace").split()) if found else None


class Recorder:
    """A transport that remembers what went through it."""

    def __init__(self, inner: Transport, clock: Callable[[], float]) -> None:
        self.base_url = inner.base_url
        self.headers: Mapping[str, str] = inner.headers
        self.exchanges: list[Exchange] = []
        self._inner = inner
        self._clock = clock

    def send(self, request: Request) -> Answer:
        """Send it, and note path, answer and time; queries are left out."""
        asked_at, started_at = self._clock(), time.monotonic()
        answer = self._inner.send(request)
        took_ms = (time.monotonic() - started_at) * 1000
        asked = f"{request.method} {request.path.partition('?')[0]}"
        self.exchanges.append(Exchange(asked, answer, took_ms, (asked_at + self._clock()) / 2))
        return answer

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        """Return a fresh connected stream."""
        return self._inner.open_socket(deadline_seconds)

    def close(self) -> None:
        """Give up kept connections."""
        self._inner.close()

    @property
    def proxy(self) -> Proxy | None:
        """The proxy in between."""
        return self._inner.route.proxy if isinstance(self._inner, SocketTransport) else None


class Visit:
    """Everything that one examination shares."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.origin: Origin = parse_url(case.url)
        self.findings = Findings()
        self.sightings: list[Sighting] = []
        self.transport = Recorder(case.connect(case.url, case.connection, self.sightings.append), case.clock)
        self.is_legacy = False
        self.has_subscriptions = False
        self.has_stored_session = case.server.session is not None
        # The server's clock and, at the same moment, this machine's: both in epoch seconds.
        self.server_clock: tuple[float, float] | None = None

    def look_at(self, origin: Origin, settings: ConnectionSettings | None = None) -> Transport:
        """Return a way to another address, or to the same in another manner; its steps are not noted."""
        return self.case.connect(origin.url, settings or self.case.connection, _ignore)

    def peek(self, origin: Origin, settings: ConnectionSettings) -> socket.socket | None:
        """Return a connection, or None if there is none; nothing is sent through it."""
        try:
            return self.look_at(origin, settings).open_socket(_SECONDS_FOR_A_LOOK)
        except errors.DuplicatiClientError:
            return None


def _ignore(sighting: Sighting) -> None:
    """Hear nothing."""
