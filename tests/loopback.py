"""Small servers on loopback for tests: each connection is given to a function, and everything ends with the test."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CERTIFICATES = Path(__file__).parent / "certificates"
_PATIENCE_SECONDS = 10.0


class Peer:
    """One accepted connection, as the serving side sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = b""

    def read_head(self) -> str:
        """Return the head of the next request; an empty text when the client has gone."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                return ""
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def read_request(self) -> tuple[str, bytes]:
        """Return head and body of the next request."""
        head = self.read_head()
        lengths = [line.partition(":")[2] for line in head.splitlines() if line.lower().startswith("content-length:")]
        count = int(lengths[0]) if lengths else 0
        while len(self._buffer) < count:
            self._buffer += self.socket.recv(65536)
        body, self._buffer = self._buffer[:count], self._buffer[count:]
        return head, body

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def drip(self, data: bytes, *, pause_seconds: float = 0.02) -> None:
        """Send byte by byte."""
        for index in range(len(data)):
            self.socket.sendall(data[index : index + 1])
            time.sleep(pause_seconds)


class Loopback:
    """Listens until the block ends; `heads` holds the request heads that handlers have noted."""

    def __init__(
        self,
        handle: Callable[[Peer], None],
        *,
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._handle = handle
        self._context = context
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._listener.settimeout(_PATIENCE_SECONDS)
        self.host = host
        self.port = self._listener.getsockname()[1]
        self.heads: list[str] = []
        self.connections_count = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._context else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Loopback:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(self._listener.family) as waker:
            waker.settimeout(1)
            self._is_over = True
            waker.connect((self.host, self.port))
        for sock in self._open:
            _shut(sock)
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._listener.close()

    _is_over = False

    def _start(self, target: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._is_over:
                sock.close()
                return
            self.connections_count += 1
            sock.settimeout(_PATIENCE_SECONDS)
            self._open.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._context is not None:
                sock = _encrypt(sock, self._context)
                self._open.append(sock)
            self._handle(Peer(sock))
        except (OSError, ValueError):
            pass  # the client or the test ended the connection: nothing to tell
        finally:
            sock.close()


def _encrypt(sock: socket.socket, context: ssl.SSLContext) -> socket.socket:
    """Do the serving side's handshake; where it fails, let the alert arrive before the connection ends."""
    with sock.dup() as plain:
        try:
            return context.wrap_socket(sock, server_side=True)
        except ssl.SSLError:
            plain.settimeout(1.0)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(65536):
                pass
            raise


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def server_context(name: str = "server", *, asks_client: bool = False) -> ssl.SSLContext:
    """Make the serving side's TLS from one of the test certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.pem")
    if asks_client:
        context.load_verify_locations(CERTIFICATES / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def message(body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> bytes:
    """Write an answer with a Content-Length; `headers` are whole lines, each with its end."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode("latin-1") + body


def replying(*messages: bytes, heads: list[str] | None = None) -> Callable[[Peer], None]:
    """Answer the requests of each connection with these, in order, then close it."""

    def handle(peer: Peer) -> None:
        for reply in messages:
            head = peer.read_head()
            if not head:
                return
            if heads is not None:
                heads.append(head)
            peer.send(reply)

    return handle
