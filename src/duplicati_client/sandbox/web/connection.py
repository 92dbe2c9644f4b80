"""Sockets of the sandbox: listens on loopback, reads calls with h11, writes answers byte for byte as servers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

import h11

from .serve import Call, Handler, Reply, Upgrade, error_reply

LOOPBACK = "127.0.0.1"
HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 30_000_000
CHUNK_BYTES = 16_384

Dress = Callable[[Reply, bool], bytes]


def dress_as_kestrel(reply: Reply, is_head: bool) -> bytes:
    """Write a reply as the modern servers frame it (2.3.1.0 probes:1, 3, 10; backups:121)."""
    named = dict(reply.headers)
    rest = [pair for pair in reply.headers if pair[0] not in {"Content-Type", "Content-Length"}]
    is_chunked = "Content-Type" in named and "Content-Length" not in named
    lines = [] if is_chunked or is_head else [("Content-Length", str(len(reply.body)))]
    if "Content-Type" in named:
        lines.append(("Content-Type", named["Content-Type"]))
    lines += [("Date", _http_date()), ("Server", "Kestrel"), *rest]
    if is_chunked:
        lines.append(("Transfer-Encoding", "chunked"))
    body = b"" if is_head else _chunked(reply.body) if is_chunked else reply.body
    return _head(reply, lines) + body


def dress_as_tiny(reply: Reply, is_head: bool) -> bytes:
    """Write a reply as the legacy server frames it (2.0.8.1 first-contact:1, 4, 26)."""
    cookies = [pair for pair in reply.headers if pair[0] == "Set-Cookie"]
    first = [pair for pair in reply.headers if pair[0] not in {"Set-Cookie", "Content-Type", "Content-Length"}]
    middle = [
        ("Date", _http_date()),
        ("Content-Length", str(len(reply.body))),
        ("Content-Type", dict(reply.headers).get("Content-Type", "")),
        ("Server", "Tiny WebServer"),
        ("Connection", "close"),
    ]
    return _head(reply, [*first, *middle, *cookies]) + (b"" if is_head else reply.body)


def _http_date() -> str:
    return formatdate(time.time(), usegmt=True)


def _head(reply: Reply, lines: list[tuple[str, str]]) -> bytes:
    text = f"HTTP/1.1 {reply.status} {reply.phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{text}\r\n".encode()


def _chunked(body: bytes) -> bytes:
    parts = [
        b"%x\r\n%b\r\n" % (len(chunk), chunk)
        for chunk in (body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES))
    ]
    return b"".join((*parts, b"0\r\n\r\n"))


class Server:
    """Listens on one loopback port and gives every call to `face`.

    `closes_always` is the habit of the legacy server, which ends the connection after most answers.
    """

    def __init__(self, face: Handler, *, dress: Dress, closes_always: bool = False) -> None:
        self.face = face
        self.dress = dress
        self.closes_always = closes_always
        self.connections: set[Connection] = set()
        self.has_stopped = False
        self._listener: asyncio.Server | None = None

    async def listen(self, port: int) -> int:
        """Start listening; 0 takes a free port. Returns the port."""
        loop = asyncio.get_running_loop()
        self.has_stopped = False
        self._listener = await loop.create_server(lambda: Connection(self), LOOPBACK, port)
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self, *, aborts: bool = False) -> None:
        """Stop listening and end every connection; `aborts` drops what is still to be sent, as a killed process."""
        self.has_stopped = True
        if self._listener is not None:
            await _let_in(self._listener)
            self._listener.close()
            self._listener = None
        for connection in list(self.connections):
            connection.end(aborts=aborts)
        for _ in range(100):
            await asyncio.sleep(0.005)  # at first also for who was accepted and is not in yet
            if not self.connections:
                break


async def _let_in(listener: asyncio.Server) -> None:
    """Accept nobody more, but let who was accepted come in: Python 3.11 loses the socket of whoever comes too late."""
    with suppress(NotImplementedError):  # loops of Windows have no readers
        for listening in listener.sockets:
            asyncio.get_running_loop().remove_reader(listening)
    for _ in range(2):
        await asyncio.sleep(0)


class Connection(asyncio.Protocol):
    """One client's connection: one call at a time, further ones wait; a client that leaves ends its call."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._taken_over_by: Any = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note a new client; one that was accepted just before the end is turned away."""
        self._transport = transport
        self._server.connections.add(self)
        if self._server.has_stopped:
            self.end(aborts=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that left and end what it waited for."""
        self._server.connections.discard(self)
        if self._answering is not None:
            self._answering.cancel()
        if self._taken_over_by is not None:
            self._taken_over_by.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request, or of what took the connection over."""
        if self._taken_over_by is not None:
            self._taken_over_by.data_received(data)
            return
        try:
            self._parser.receive_data(data)
            self._advance()
        except h11.RemoteProtocolError:
            self._refuse(400)

    def end(self, *, aborts: bool) -> None:
        """End the connection from the server's side."""
        if self._answering is not None:
            self._answering.cancel()
        if aborts:
            self._transport.abort()
        else:
            self._transport.close()

    def _advance(self) -> None:
        while self._answering is None:
            event = self._parser.next_event()
            if isinstance(event, h11.Request):
                self._request, self._body = event, bytearray()
                if self._parser.they_are_waiting_for_100_continue:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > BODY_BYTES_MAX:
                    self._refuse(413)
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._start_answer()
            else:
                return

    def _start_answer(self) -> None:
        assert self._request is not None  # noqa: S101 - h11 gives the head before the end
        call = read_call(self._request, bytes(self._body))
        self._answering = asyncio.get_running_loop().create_task(self._answer(call, self._request))

    async def _answer(self, call: Call, request: h11.Request) -> None:
        reply = await self._give(call)
        if isinstance(reply, Upgrade):
            self._taken_over_by = reply.accept(self._transport, call)
            self._answering = None
            return
        answer = self._server.dress(reply, call.method == "HEAD")
        if reply.cut:
            if reply.cut == "inside":
                head_bytes = answer.index(b"\r\n\r\n") + 4
                self._transport.write(answer[: (head_bytes + len(answer)) // 2])
            self._transport.close()
            return
        self._transport.write(answer)
        if self._server.closes_always:
            closes = not reply.keeps_open
        else:
            closes = request.http_version == b"1.0" or call.headers.get("connection", "").lower() == "close"
        if closes:
            self._transport.close()
        else:
            self._begin_next()

    async def _give(self, call: Call) -> Reply | Upgrade:
        try:
            return await self._server.face(call)
        except Exception as exc:
            context = {"message": f"{call.method} {call.path} failed in the sandbox", "exception": exc}
            asyncio.get_running_loop().call_exception_handler(context)
            return error_reply(500, "An error occurred")

    def _begin_next(self) -> None:
        trailing, _ = self._parser.trailing_data
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._answering = None
        if trailing:
            self.data_received(trailing)

    def _refuse(self, status: int) -> None:
        reply = Reply(status, (("Connection", "close"),))
        self._transport.write(self._server.dress(reply, False))
        self._transport.close()


def read_call(request: h11.Request, body: bytes) -> Call:
    """Make a call of a parsed request head and its body."""
    path, _, query = request.target.decode("latin-1").partition("?")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    return Call(
        method=request.method.decode("latin-1"),
        path=path,
        query={name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)} if query else {},
        headers=headers,
        body=body,
        host=headers.get("host", ""),
    )
