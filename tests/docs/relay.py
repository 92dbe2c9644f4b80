"""Puts TLS in front of a server on loopback, as a proxy does; what passes is not looked at."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from tests.loopback import Loopback, Peer, server_context


def encrypted(url: str) -> Loopback:
    """Return an encrypted way to the server, under the certificate `server` of the tests."""
    parts = urlsplit(url)

    def handle(peer: Peer) -> None:
        with socket.create_connection((parts.hostname, parts.port)) as server:
            threading.Thread(target=_copy, args=(server, peer.socket), daemon=True).start()
            _copy(peer.socket, server)

    return Loopback(handle, context=server_context())


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
