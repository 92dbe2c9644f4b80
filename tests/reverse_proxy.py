"""A reverse proxy on loopback that changes what goes through it: for tests of what stands between client and server."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from tests.loopback import Peer


def passing_on(
    to_url: str,
    *,
    change: Callable[[str], str] = lambda head: head,
    refuse: Callable[[str], bytes | None] = lambda head: None,
    change_answer: Callable[[bytes], bytes] = lambda answer: answer,
) -> Callable[[Peer], None]:
    """Pass each request on, one a connection; `refuse` may answer in the server's place, `change` works on heads."""
    port = urlsplit(to_url).port

    def handle(peer: Peer) -> None:
        head, body = peer.read_request()
        if not head:
            return
        refusal = refuse(head)
        if refusal is not None:
            peer.send(refusal)
            return
        is_upgrade = "\r\nupgrade:" in head.lower()
        head = change(head if is_upgrade else with_header(head, "Connection", "close"))
        with socket.create_connection(("127.0.0.1", port)) as onward:
            onward.settimeout(30)
            onward.sendall((head + "\r\n\r\n").encode("latin-1") + body)
            if is_upgrade:
                back = threading.Thread(target=_copy, args=(peer.socket, onward), daemon=True)
                back.start()
                _copy(onward, peer.socket)
                back.join(5)
                return
            answer = _read_all(onward).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
            peer.send(change_answer(answer))

    return handle


def without_header(head: str, name: str) -> str:
    return "\r\n".join(line for line in head.split("\r\n") if not line.lower().startswith(f"{name.lower()}:"))


def with_header(head: str, name: str, value: str) -> str:
    return f"{without_header(head, name)}\r\n{name}: {value}"


def without_prefix(prefix: str) -> Callable[[str], str]:
    """Take a path's beginning away, as proxies that publish a server below a path do."""
    return lambda head: re.sub(rf" {prefix}/", " /", head, count=1)


def _read_all(sock: socket.socket) -> bytes:
    data = b""
    with suppress(OSError):
        while part := sock.recv(65536):
            data += part
    return data


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
