"""One request out, one bounded answer in: TLS, proxies, deadlines, byte caps, no redirects; nothing of Duplicati.

`Transport` is the seam: whatever can carry a request can stand in for the socket (a tunnel, a test).
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from . import errors, wire

if TYPE_CHECKING:
    from .tls import Trust

SMALL_ANSWER_BYTES = 64 * 1024
LIST_ANSWER_BYTES = 32 * 1024 * 1024
# A server may close a kept connection at any moment; a request with an effect must not be lost that way.
_IDLE_SECONDS_FOR_EFFECTS = 2.0
_IDLE_SECONDS = 30.0
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|[0-9a-f.]*:[0-9a-f:.]*")
_LOOPBACK = re.compile(r"localhost|::1|127(?:\.[0-9]{1,3}){3}")
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
    """

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    pin_sha256: str | None = None
    is_insecure: bool = False
    proxy_url: str | None = None
    headers: Mapping[str, str] = {}

    @property
    def trust(self) -> Trust:
        """What decides on the TLS connection."""
        from .tls import Trust  # noqa: PLC0415 - plain http needs none of it

        return Trust(
            self.ca_file, self.client_certificate_file, self.client_key_file, self.pin_sha256, self.is_insecure
        )


class Origin(NamedTuple):
    """The parts of a base URL; `path` starts with a slash or is empty, never ends with one."""

    is_https: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header's value."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_https else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL in one normal form, without a slash at its end."""
        return f"{'https' if self.is_https else 'http'}://{self.authority}{self.path}"


def is_loopback(host: str) -> bool:
    """Say whether a host name means this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def parse_url(text: str) -> Origin:
    """Read a base URL; without a scheme it is http for this machine and https for any other. Raises `InvalidValue`."""
    text = text.strip()
    example = "example: http://127.0.0.1:8200"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
        host = parts.hostname or ""
        host = host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError) as exc:
        raise errors.InvalidValue("this is not the address of a server", hint=example) from exc
    scheme = parts.scheme or ("http" if is_loopback(host) else "https")
    is_clean = all(" " < c != "\x7f" for c in text)  # urlsplit drops line ends and tabs without a word
    if scheme not in ("http", "https") or parts.query or parts.fragment or port == 0 or not is_clean:
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


class SocketTransport:
    """Reaches a server by TCP, with TLS and proxies; keeps connections; safe to use from several threads."""

    def __init__(
        self, url: str, settings: ConnectionSettings | None = None, *, trace: Callable[[str], None] | None = None
    ) -> None:
        self.origin = parse_url(url)
        self.base_url = self.origin.url
        self._settings = settings or ConnectionSettings()
        self.headers = _check_headers(self._settings.headers)
        self._trace = trace
        self._idle: list[wire.Stream] = []
        self._is_closed = False
        self._proxy = _find_proxy(self.origin, self._settings.proxy_url)

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
        if kept is not None:
            try:
                return self._exchange(kept, request, deadline)
            except errors.ConnectionLost:
                if request.method != "GET":
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
        return self._proxy is not None and not self.origin.is_https

    def _target(self, request: Request) -> str:
        target = f"{self.origin.path}/{request.path}"
        return f"http://{self.origin.authority}{target}" if self._is_relayed() else target

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {"Host": self.origin.authority, "Accept": "application/json", "Accept-Encoding": "identity"}
        if self._proxy is not None and self._is_relayed():
            headers.update(self._proxy.headers)
        for name, value in (*self.headers.items(), *request.headers.items()):
            same = next((known for known in headers if known.lower() == name.lower()), name)
            headers[same] = value
        if request.body is not None or request.method not in ("GET", "HEAD"):
            headers["Content-Length"] = str(len(request.body or b""))
        return headers

    def _connect(self, deadline: float, *, is_tunnel: bool = False) -> socket.socket:
        proxy = self._proxy
        sock = _open_tcp(self.origin.host, self.origin.port, deadline) if proxy is None else _reach(proxy, deadline)
        try:
            if proxy is not None and (self.origin.is_https or is_tunnel):
                _open_tunnel(sock, self.origin, proxy, deadline)
            if self.origin.is_https:
                sock.settimeout(max(0.001, deadline - time.monotonic()))
                from .tls import wrap  # noqa: PLC0415 - plain http needs none of it

                return wrap(sock, self.origin.host, self._settings.trust)
            return sock
        except BaseException:
            sock.close()
            raise


def _check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse what a person may not set, when it is set and not at the first request."""
    for name, value in headers.items():
        if not wire.is_header(name, value) or name.lower() in _FRAMING_HEADERS:
            raise errors.InvalidValue(f"the header {name[:40]!r} cannot be sent", hint="a header is NAME=VALUE")
    return dict(headers)


def _open_tcp(host: str, port: int, deadline: float) -> socket.socket:
    """Connect to one of the addresses of a host; each gets an equal part of the time that is left."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as exc:
        raise errors.NameNotResolved(f"the name {host} has no address") from exc
    failure: OSError = TimeoutError()
    for index, (family, kind, protocol, _, address) in enumerate(found):
        part_seconds = (deadline - time.monotonic()) / (len(found) - index)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.001, part_seconds))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as exc:
            sock.close()
            failure = exc
    if isinstance(failure, ConnectionRefusedError):
        raise errors.ConnectionRefused(f"nothing answers at {host} port {port}") from failure
    raise failure


_PROXY_EXAMPLE = "example: http://proxy:3128"


class _Proxy(NamedTuple):
    host: str
    port: int
    headers: Mapping[str, str]


def _find_proxy(origin: Origin, explicit: str | None) -> _Proxy | None:
    url = explicit
    if url is None and any(name.lower().endswith("_proxy") for name in os.environ) and not is_loopback(origin.host):
        import urllib.request  # noqa: PLC0415 - only where a proxy may be wanted

        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        if not urllib.request.proxy_bypass_environment(f"{host}:{origin.port}"):  # type: ignore[attr-defined]
            proxies = urllib.request.getproxies_environment()
            url = proxies.get("https" if origin.is_https else "http") or proxies.get("all")
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or 3128
    except ValueError as exc:
        raise errors.ConfigurationInvalid("the address of the proxy is none", hint=_PROXY_EXAMPLE) from exc
    if parts.scheme != "http" or not parts.hostname:
        raise errors.ConfigurationInvalid("only http:// proxies are understood", hint=_PROXY_EXAMPLE)
    headers = {}
    if parts.username is not None:
        from base64 import b64encode  # noqa: PLC0415 - only for proxies with a password
        from urllib.parse import unquote  # noqa: PLC0415

        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return _Proxy(parts.hostname, port, headers)


def _reach(proxy: _Proxy, deadline: float) -> socket.socket:
    try:
        return _open_tcp(proxy.host, proxy.port, deadline)
    except (errors.Unreachable, OSError) as exc:
        raise errors.ProxyRefused(f"the proxy {proxy.host} port {proxy.port} cannot be reached") from exc


def _open_tunnel(sock: socket.socket, origin: Origin, proxy: _Proxy, deadline: float) -> None:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"Host: {host}:{origin.port}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
    stream = wire.Stream(sock)
    stream.begin(deadline, wire.HEAD_BYTES)
    stream.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    status = wire.read_head(stream).status
    if status != 200:
        raise errors.ProxyRefused(f"the proxy {proxy.host} answered {status}")


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
        raise errors.ConnectionLost(f"{origin.url} closed the connection before its answer ended", hint=hint) from exc
    except errors.NotUnderstood as exc:  # what reads messages does not know whose they are
        raise type(exc)(f"{origin.url}: {exc.message}", hint=exc.hint) from exc
    except OSError as exc:
        from .tls import translate  # noqa: PLC0415 - only for a failure

        raise translate(exc, origin.host) from exc
