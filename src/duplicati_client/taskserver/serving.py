"""Serves the application on a socket with uvicorn until a signal ends it: what runs ends, nothing new begins."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from typing import Any, Final, NamedTuple

import uvicorn

from .app import App
from .connection import HEAD_SECONDS, make_protocol
from .crowd import Crowd, find_room

_GRACE_SECONDS: Final = 7
_BACKLOG: Final = 2048
_ACCEPTED_COUNT: Final = 64
"""How many connections are taken in at once, before any of them can be told from the others."""


class Listening(NamedTuple):
    """Where to listen, with a certificate and its key for TLS."""

    host: str
    port: int
    certificate: str | None = None
    key: str | None = None


def make_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop, the faster one where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def bind(listening: Listening) -> socket.socket:
    """Return a listening socket; raises `OSError`."""
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((listening.host, listening.port))
    sock.listen(_BACKLOG)  # at once: whoever reads that it is ready may connect
    return sock


async def serve(app: App, listening: Listening, sock: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then let what runs end; a second signal ends it at once."""
    refusals = app.parts.counts.refusals
    crowd = Crowd(find_room(), lambda: refusals.update(["no-room"]))
    config = uvicorn.Config(
        app.asgi,
        http=make_protocol(app.parts, crowd),
        log_level="error",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=120,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def end(*_: Any) -> None:
        if server.should_exit:
            server.force_exit = True
        server.should_exit = True
        app.parts.attentions.end_all()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await server._serve([sock])  # its `serve` would take the signals for itself


class _Server(uvicorn.Server):
    """uvicorn's, which gives a TLS handshake no more time than a request's head."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        config = self.config

        def make() -> asyncio.Protocol:
            protocol: Any = config.http_protocol_class
            made: asyncio.Protocol = protocol(config=config, server_state=self.server_state, app_state={}, _loop=None)
            return made

        patience = HEAD_SECONDS if config.ssl else None
        loop = asyncio.get_running_loop()
        self.servers = []
        for sock in sockets or ():
            made = await loop.create_server(
                make, sock=sock, ssl=config.ssl, backlog=_ACCEPTED_COUNT, ssl_handshake_timeout=patience
            )
            self.servers.append(made)
            sock.listen(_BACKLOG)  # more may wait
        self.started = True
