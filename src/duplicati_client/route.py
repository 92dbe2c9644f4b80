"""The way to a server: the addresses of its name, TCP, and a proxy in between; nothing of TLS or of what is said."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from . import errors, wire

_LOOPBACK = re.compile(r"localhost|::1|127(?:\.[0-9]{1,3}){3}")
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
_PROXY_EXAMPLE = "example: http://proxy:3128"
_SILENT_SECONDS = 60
Found = list[tuple[Any, Any, int, str, Any]]
Resolve = Callable[[str, int], Found]


class Sighting(NamedTuple):
    """Something seen on the way, for whoever explains it to a person.

    `layer` is name, tcp, proxy or tls; `failure` is None where it went well; a way has several of tcp when a name has
    several addresses.
    """

    layer: str
    took_ms: float
    detail: Mapping[str, Any]
    failure: str | None = None


Watch = Callable[[Sighting], None]


class Proxy(NamedTuple):
    """What stands in between; `headers` let us pass it. `is_of_environment`: nobody named it for this server."""

    host: str
    port: int
    headers: Mapping[str, str]
    is_of_environment: bool = False


def is_loopback(host: str) -> bool:
    """Say whether a host name means this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def is_address(host: str) -> bool:
    """Say whether a host is written as an address, so that there is no name to look up."""
    return _ADDRESS.fullmatch(host) is not None


def in_brackets(host: str) -> str:
    """Write a host as it stands before a port. The zone of an IPv6 address means something on this machine only."""
    return f"[{host.partition('%')[0]}]" if ":" in host else host


def look_up(host: str, port: int) -> Found:
    """Ask the system for the addresses of a name."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Route:
    """Makes TCP connections to one host and port, directly or through a proxy; safe to use from several threads."""

    def __init__(
        self, host: str, port: int, proxy: Proxy | None, *, watch: Watch | None = None, resolve: Resolve = look_up
    ) -> None:
        self.proxy = proxy
        self._host = host
        self._port = port
        self._watch = watch
        self._resolve = resolve

    def open(self, deadline: float, *, is_tunnel: bool) -> socket.socket:
        """Return a connected socket; through a proxy it leads to the server only as a tunnel."""
        proxy = self.proxy
        if proxy is None:
            return self._open_tcp(self._host, self._port, deadline)
        sock = self._reach(proxy, deadline)
        try:
            status = self._open_tunnel(sock, proxy, deadline) if is_tunnel else None
        except BaseException:
            sock.close()
            raise
        self.tell("proxy", time.monotonic(), {"status": status})
        return sock

    def tell(self, layer: str, started_at: float, detail: Mapping[str, Any], failure: object = None) -> None:
        """Let whoever watches know."""
        if self._watch is not None:
            took_ms = (time.monotonic() - started_at) * 1000
            self._watch(Sighting(layer, took_ms, detail, None if failure is None else str(failure)))

    def _open_tcp(self, host: str, port: int, deadline: float) -> socket.socket:
        """Connect to one of the addresses of a host; each gets an equal part of the time that is left."""
        found = self._find_addresses(host, port, deadline)
        failure: OSError = TimeoutError()
        for index, (family, kind, protocol, _, address) in enumerate(found):
            part_seconds = (deadline - time.monotonic()) / (len(found) - index)
            sock = socket.socket(family, kind, protocol)
            started_at = time.monotonic()
            try:
                sock.settimeout(max(0.001, part_seconds))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _keep_alive(sock)
                self.tell("tcp", started_at, {"address": address[0], "port": port})
                return sock
            except OSError as exc:
                sock.close()
                failure = exc
                self.tell("tcp", started_at, {"address": address[0], "port": port}, exc.strerror or exc)
        raise _explain_failure(failure, host, port) from failure

    def _find_addresses(self, host: str, port: int, deadline: float) -> Found:
        started_at = time.monotonic()
        try:
            found = self._resolve_in_time(host, port, deadline)
        except (socket.gaierror, UnicodeError, TimeoutError) as exc:
            self.tell("name", started_at, {"host": host}, getattr(exc, "strerror", None) or exc or "no answer in time")
            raise _explain_name(exc, host) from exc
        self.tell("name", started_at, {"host": host, "addresses": list(dict.fromkeys(one[4][0] for one in found))})
        return found

    def _resolve_in_time(self, host: str, port: int, deadline: float) -> Found:
        """The system's look-up knows no time limit, so it runs in a thread, which is left behind when time is up.

        An address needs no look-up, and a name on this machine's own list does not wait for a network.
        """
        if is_address(host) or is_loopback(host):
            return self._resolve(host, port)
        from queue import Empty, SimpleQueue  # noqa: PLC0415 - only names need it
        from threading import Thread  # noqa: PLC0415

        said: SimpleQueue[Found | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                said.put(self._resolve(host, port))
            except Exception as exc:  # it is raised where somebody waits for it
                said.put(exc)

        Thread(target=ask, daemon=True, name="look-up").start()
        try:
            found = said.get(timeout=max(0.001, deadline - time.monotonic()))
        except Empty:
            raise TimeoutError from None
        if isinstance(found, Exception):
            raise found
        return found

    def _reach(self, proxy: Proxy, deadline: float) -> socket.socket:
        try:
            return self._open_tcp(proxy.host, proxy.port, deadline)
        except (errors.Unreachable, OSError) as exc:
            raise errors.ProxyRefused(f"the proxy {proxy.host} port {proxy.port} cannot be reached") from exc

    def _open_tunnel(self, sock: socket.socket, proxy: Proxy, deadline: float) -> int:
        target = f"{in_brackets(self._host)}:{self._port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
        stream = wire.Stream(sock)
        stream.begin(deadline, wire.HEAD_BYTES)
        stream.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        status = wire.read_head(stream).status
        if status != 200:
            self.tell("proxy", time.monotonic(), {"status": status}, f"status {status}")
            raise _explain_proxy(proxy, status, target)
        return status


def _keep_alive(sock: socket.socket) -> None:
    """Let the system find out that the other side is gone without a farewell, also while nobody speaks."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # What macOS calls TCP_KEEPALIVE is what the others call TCP_KEEPIDLE: how long it waits before it asks.
    idle = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE", None)
    if idle is not None:
        sock.setsockopt(socket.IPPROTO_TCP, idle, _SILENT_SECONDS)


def _explain_failure(failure: OSError, host: str, port: int) -> Exception:
    if isinstance(failure, ConnectionRefusedError):
        return errors.ConnectionRefused(f"nothing answers at {host} port {port}")
    if isinstance(failure, TimeoutError):
        return errors.ConnectTimedOut(f"no connection to {host} port {port} came about in time")
    return failure


def _explain_name(exc: Exception, host: str) -> errors.NameNotResolved:
    if isinstance(exc, TimeoutError) or getattr(exc, "errno", None) == socket.EAI_AGAIN:
        hint = "check this machine's network and its name servers, or use the IP address of the server"
        return errors.NameNotResolved(f"no name server answers what the address of {host} is", hint=hint)
    return errors.NameNotResolved(f"the name {host} has no address")


def _explain_proxy(proxy: Proxy, status: int, target: str) -> errors.ProxyRefused:
    told = f"the proxy {proxy.host} answered {status} when asked for {target}"
    if status == 407:
        return errors.ProxyRefused(told, hint="it wants a login: give --proxy as http://USER:PASSWORD@HOST:PORT")
    return errors.ProxyRefused(told)


def find_proxy(host: str, port: int, explicit: str | None, *, is_https: bool) -> Proxy | None:
    """Return the proxy named, else the environment's for this server, else None; raises `ConfigurationInvalid`."""
    url = explicit
    if url is None and any(name.lower().endswith("_proxy") for name in os.environ) and not is_loopback(host):
        import urllib.request  # noqa: PLC0415 - only where a proxy may be wanted

        if not urllib.request.proxy_bypass_environment(f"{in_brackets(host)}:{port}"):  # type: ignore[attr-defined]
            proxies = urllib.request.getproxies_environment()
            url = proxies.get("https" if is_https else "http") or proxies.get("all")
    return _read_proxy(url, is_of_environment=explicit is None) if url else None


def _read_proxy(url: str, *, is_of_environment: bool) -> Proxy:
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
    return Proxy(parts.hostname, port, headers, is_of_environment)
