"""One request out, one bounded answer in: TLS, proxies, deadlines, byte caps, no redirects; nothing of Duplicati.

`Transport` is the seam: whatever can carry a request can stand in for the socket (a tunnel, a test).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from . import errors, wire
from .route import Route, Watch, find_proxy, in_brackets, is_loopback

if TYPE_CHECKING:
    from .tls import Trust

SMALL_ANSWER_BYTES = 64 * 1024
LIST_ANSWER_BYTES = 32 * 1024 * 1024
# A server may close a kept connection at any moment; a request with an effect must not be lost that way.
_IDLE_SECONDS_FOR_EFFECTS = 2.0
_IDLE_SECONDS = 30.0
# One that was dead already shows it at once. What is cut off later, a long poll when its server restarts, is for the
# caller to repeat: everybody else was cut off in the same moment.
_STALE_SECONDS = 1.0
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|[0-9a-f.]*:[0-9a-f:.]*(?:%[A-Za-z0-9._~-]{1,32})?")
# What these say is not a matter of taste: a second, other value would split one request into two.
_FRAMING_HEADERS = ("content-length", "transfer-encoding", "connection")


class Request(NamedTuple):
    """What is asked; `path` is relative to the base URL and never starts with a slash."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    deadline_seconds: float = 30.0
    max_bytes: int = SMALL_ANSWER_BYTES


class Answer(NamedTuple):
    """What came back, whole and undecoded; `headers` keeps order and repeats."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of that name, or None."""
        return next(iter(self.headers_named(name)), None)

    def headers_named(self, name: str) -> list[str]:
        """Return every header of that name, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Transport(Protocol):
    """Carries requests to one server. `base_url` ends without a slash.

    `headers` go with every request; who speaks through `open_socket` sends them too.
    """

    base_url: str
    headers: Mapping[str, str]

    def send(self, request: Request) -> Answer:
        """Send one request and return its whole answer; raises only `errors.DuplicatiClientError`."""
        ...

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        """Return a connected stream to the server (for WebSocket); `NotSupported` where there is none."""
        ...

    def close(self) -> None:
        """Give up kept connections; may be called twice."""
        ...


class ConnectionSettings(NamedTuple):
    """How to connect: trust, identity and way; every field may stay at its default.

    `pin_sha256` is the SHA-256 of the server's certificate (hex) and replaces the check of its issuer and name.
    `proxy_url` overrides the environment; an empty text means no proxy at all. `headers` go with every request.
    `connect_seconds` is the part of a request's time that reaching the server may take, None for all of it.
    """

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    pin_sha256: str | None = None
    is_insecure: bool = False
    proxy_url: str | None = None
    headers: Mapping[str, str] = {}
    connect_seconds: float | None = None

    @property
    def trust(self) -> Trust:
        """What decides on the TLS connection."""
        from .tls import Trust  # noqa: PLC0415 - plain http needs none of it

        return Trust(
            self.ca_file, self.client_certificate_file, self.client_key_file, self.pin_sha256, self.is_insecure
        )


class Origin(NamedTuple):
    """The parts of a base URL; `path` starts with a slash or is empty, never ends with one.

    `host` may end in the zone of a link-local address, `fe80::1%eth0`: for this machine's sockets alone.
    """

    is_https: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header's value, without a zone (RFC 6874, 4)."""
        return f"{in_brackets(self.host)}{self._port_written}"

    @property
    def url(self) -> str:
        """The base URL in one normal form, without a slash at its end."""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return f"{'https' if self.is_https else 'http'}://{host}{self._port_written}{self.path}"

    @property
    def _port_written(self) -> str:
        return "" if self.port == (443 if self.is_https else 80) else f":{self.port}"


def parse_url(text: str) -> Origin:
    """Read a base URL; without a scheme it is http for this machine and https for any other. Raises `InvalidValue`."""
    text = text.strip()
    example = "example: http://127.0.0.1:8200"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
        host = _read_host(parts.hostname or "")
    except (ValueError, UnicodeError) as exc:
        raise errors.InvalidValue("this is not the address of a server", hint=example) from exc
    scheme = parts.scheme or ("http" if is_loopback(host) else "https")
    is_clean = all(" " < c != "\x7f" for c in text)  # urlsplit drops line ends and tabs without a word
    if parts.query or parts.fragment:
        raise errors.InvalidValue(
            "this is the address of a page and not of a server", hint=f"leave out the page; {example}"
        )
    if scheme not in ("http", "https") or port == 0 or not is_clean:
        raise errors.InvalidValue("this is not the address of a server", hint=example)
    if parts.username is not None or parts.password is not None:
        raise errors.InvalidValue(
            "an address may not hold a user or password", hint="use --password-file, or --header-file for basic auth"
        )
    if not _HOST.fullmatch(host):
        raise errors.InvalidValue("this is not the address of a server", hint=example)
    if any(c in '\\"<>^`{|}' or ord(c) > 126 for c in parts.path) or ".." in parts.path.split("/"):
        raise errors.InvalidValue("the path of this address has characters that may not be there")
    is_https = scheme == "https"
    return Origin(is_https, host, port or (443 if is_https else 80), parts.path.rstrip("/"))


def _read_host(text: str) -> str:
    """Return a name in ASCII. A zone keeps its case; it follows `%25` (RFC 6874) or, as people write it, `%`."""
    host, percent, zone = text.partition("%")
    zone = zone.removeprefix("25") or zone
    return (host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()) + percent + zone


class SocketTransport:
    """Reaches a server by TCP, with TLS and proxies; keeps connections; safe to use from several threads."""

    def __init__(
        self,
        url: str,
        settings: ConnectionSettings | None = None,
        *,
        trace: Callable[[str], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`trace` hears one line a request; `watch` hears each step of making a connection."""
        self.origin = parse_url(url)
        self.base_url = self.origin.url
        self._settings = settings or ConnectionSettings()
        self.headers = _check_headers(self._settings.headers)
        self._trace = trace
        self._idle: list[wire.Stream] = []
        self._is_closed = False
        origin = self.origin
        proxy = find_proxy(origin.host, origin.port, self._settings.proxy_url, is_https=origin.is_https)
        self.route = Route(origin.host, origin.port, proxy, watch=watch)

    def send(self, request: Request) -> Answer:
        """Send one request. A GET whose kept connection proves dead is sent again once; nothing else is repeated."""
        started_at = time.monotonic()
        deadline = started_at + request.deadline_seconds
        try:
            answer = self._send(request, deadline)
        except errors.DuplicatiClientError as exc:
            self._tell(request, started_at, exc.code)
            raise
        self._tell(request, started_at, str(answer.status))
        return answer

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        """Return a fresh connected stream, TLS included, through the proxy's tunnel if there is one."""
        with _translated(self.origin):
            sock = self._connect(time.monotonic() + deadline_seconds, is_tunnel=True)
        sock.settimeout(None)
        return sock

    def close(self) -> None:
        """Close kept connections and keep none from now on."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _tell(self, request: Request, started_at: float, what: str) -> None:
        if self._trace is not None:
            path = request.path.partition("?")[0]
            took_ms = (time.monotonic() - started_at) * 1000
            self._trace(f"{request.method} {self.base_url}/{path} -> {what} in {took_ms:.0f} ms")

    def _send(self, request: Request, deadline: float) -> Answer:
        kept = self._take_idle(request.method)
        sent_at = time.monotonic()
        if kept is not None:
            try:
                return self._exchange(kept, request, deadline)
            except errors.ConnectionLost:
                if request.method != "GET" or time.monotonic() - sent_at > _STALE_SECONDS:
                    raise
        with _translated(self.origin):
            fresh = wire.Stream(self._connect(deadline))
        return self._exchange(fresh, request, deadline)

    def _take_idle(self, method: str) -> wire.Stream | None:
        limit = _IDLE_SECONDS if method == "GET" else _IDLE_SECONDS_FOR_EFFECTS
        while self._idle:
            with suppress(IndexError):
                kept = self._idle.pop()
                if time.monotonic() - kept.idle_since < limit and not kept.is_stale():
                    return kept
                kept.close()
        return None

    def _exchange(self, stream: wire.Stream, request: Request, deadline: float) -> Answer:
        # Chunked coding may double a body of tiny chunks; the body's own cap is checked exactly where it is read.
        stream.begin(deadline, wire.HEAD_BYTES + 2 * request.max_bytes)
        is_kept = False
        try:
            with _translated(self.origin):
                wire.write_request(stream, request.method, self._target(request), self._headers(request), request.body)
                head = wire.read_head(stream)
                _refuse_compression(head)
                body, is_kept = wire.read_body(stream, request.method, head, request.max_bytes)
                return Answer(head.status, head.reason, head.headers, body)
        finally:
            if is_kept and not self._is_closed:
                stream.idle_since = time.monotonic()
                self._idle.append(stream)
            else:
                stream.close()

    def _is_relayed(self) -> bool:
        return self.route.proxy is not None and not self.origin.is_https

    def _target(self, request: Request) -> str:
        target = f"{self.origin.path}/{request.path}"
        return f"http://{self.origin.authority}{target}" if self._is_relayed() else target

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Host": self.origin.authority, "Accept": "application/json", "Accept-Encoding": "identity"}
        if self.route.proxy is not None and self._is_relayed():
            headers.update(self.route.proxy.headers)
        for name, value in (*self.headers.items(), *request.headers.items()):
            same = next((known for known in headers if known.lower() == name.lower()), name)
            headers[same] = value
        if request.body is not None or request.method not in ("GET", "HEAD"):
            headers["Content-Length"] = str(len(request.body or b""))
        return headers

    def _connect(self, deadline: float, *, is_tunnel: bool = False) -> socket.socket:
        if self._settings.connect_seconds is not None:
            deadline = min(deadline, time.monotonic() + self._settings.connect_seconds)
        sock = self.route.open(deadline, is_tunnel=is_tunnel or self.origin.is_https)
        if not self.origin.is_https:
            return sock
        from .tls import wrap  # noqa: PLC0415 - plain http needs none of it

        started_at = time.monotonic()
        try:
            sock.settimeout(max(0.001, deadline - started_at))
            wrapped = wrap(sock, self.origin.host.partition("%")[0], self._settings.trust)
        except BaseException:
            sock.close()
            raise
        detail = {"version": wrapped.version(), "certificate": wrapped.getpeercert(binary_form=True)}
        self.route.tell("tls", started_at, detail)
        return wrapped


def _check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse what a person may not set, when it is set and not at the first request."""
    for name, value in headers.items():
        if not wire.is_header(name, value) or name.lower() in _FRAMING_HEADERS:
            raise errors.InvalidValue(f"the header {name[:40]!r} cannot be sent", hint="a header is NAME=VALUE")
    return dict(headers)


def _refuse_compression(head: wire.Head) -> None:
    if any(coding not in ("", "identity") for coding in head.values("content-encoding")):
        raise errors.NotUnderstood("the answer is compressed although this was not asked for")


@contextmanager
def _translated(origin: Origin) -> Iterator[None]:
    """Turn what the socket and the HTTP library raise into the one error tree."""
    try:
        yield
    except TimeoutError as exc:
        raise errors.DeadlineExceeded(f"no whole answer from {origin.url} in time") from exc
    except (errors.ConnectionLost, ConnectionError) as exc:
        hint = None if origin.is_https else f"if the server uses HTTPS: https://{origin.authority}{origin.path}"
        deed = "reset" if isinstance(exc, ConnectionResetError) else "closed"
        raise errors.ConnectionLost(f"{origin.url} {deed} the connection before its answer ended", hint=hint) from exc
    except errors.NotUnderstood as exc:  # what reads messages does not know whose they are
        raise type(exc)(f"{origin.url}: {exc.message}", hint=exc.hint) from exc
    except OSError as exc:
        from .tls import translate  # noqa: PLC0415 - only for a failure

        raise translate(exc, origin.host) from exc
