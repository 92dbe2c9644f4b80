"""Stands before the application: who asks, what a body may be, how long it may take, and how much is done at once.

Whatever it lets pass is bounded: a request counts as being in work once its body is whole, so that nobody who sends
slowly takes the place of others; and of all bodies together only so much is in memory, small ones aside.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...protocol.exchange import LEVEL_HEADER
from ..errors import BodyTooSlow, Denied, EncodingRefused, HeadTooLarge, Malformed, Overloaded, TooLarge
from .problems import write_denied, write_internal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from ..origin import Proxies
    from ..parts import Parts
    from .problems import Problem

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEAD_BYTES_MAX: Final = 16 * 1024
_LEVEL: Final = LEVEL_HEADER.lower().encode()
_SMALL_BYTES: Final = 64 * 1024
_LINGER_BYTES: Final = 8 * 1024 * 1024
_PLAIN: Final = {b"content-encoding": (b"", b"identity"), b"transfer-encoding": (b"chunked",)}
"""What a body may be, for none is inflated here."""


def read_client(scope: Mapping[str, Any]) -> str:
    """Return where a request comes from, as the gate found it."""
    return str(scope["client"][0]) if scope["client"] else "nowhere"


class Limits(NamedTuple):
    """How much there may be at once, how long a body may take, and how long one may go on sending that was refused."""

    work_count: int = 2000
    bodies_bytes: int = 64 * 1024 * 1024
    body_seconds: float = 30.0
    linger_seconds: float = 3.0


class Gate:
    """An ASGI application that guards another one; belongs to one event loop."""

    def __init__(
        self,
        application: Application,
        parts: Parts,
        proxies: Proxies,
        limits: Limits = Limits(),  # noqa: B008
    ) -> None:
        self._application, self._parts, self._proxies = application, parts, proxies
        self.limits = limits
        self.working_count = 0
        self.bodies_bytes = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        if scope["client"]:
            host, port = scope["client"]
            scope["client"] = (self._proxies.find_client(host, scope["headers"]), port)
        visit = Visit(self, scope, receive, send)
        try:
            visit.check()
            await self._application(scope, visit.receive, visit.send)
        except Denied as exc:
            await visit.refuse(exc, write_denied(exc))
        except Exception as exc:
            await visit.refuse(exc, write_internal(exc))
        finally:
            visit.leave()

    def admit(self) -> None:
        """Count a request as being in work; raises `Overloaded`. Those that only wait for something do not count."""
        if self.working_count - self._parts.attentions.waiters_count >= self.limits.work_count:
            raise Overloaded("too much is asked for at once")
        self.working_count += 1

    def make_room(self, size: int) -> None:
        """Count so much more of bodies in memory; raises `Overloaded`."""
        if self.bodies_bytes + size > self.limits.bodies_bytes:
            raise Overloaded("too much is sent at once")
        self.bodies_bytes += size

    def note(self, status: int) -> None:
        """Count a refusal."""
        if status >= 400:
            self._parts.counts.refusals[str(status)] += 1

    @property
    def body_bytes_max(self) -> int:
        """How large a body may be."""
        return self._parts.current.settings.body_kibibytes * 1024


class Visit:
    """One request on its way through the gate."""

    def __init__(self, gate: Gate, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._gate, self._scope, self._receive, self._send = gate, scope, receive, send
        self._size = self._charged = 0
        self._is_admitted = False
        self._is_whole = True
        self._is_begun = self._has_level = False
        self._ends_at = 0.0

    def check(self) -> None:
        """Judge the head; raises `Denied`."""
        declared: str | None = None
        head_size = len(self._scope["raw_path"]) + len(self._scope["query_string"])
        for name, value in self._scope["headers"]:
            head_size += len(name) + len(value)
            if name == b"content-length":
                declared = value.decode("latin-1")
                self._is_whole = declared.strip() == "0"
            elif name == b"transfer-encoding":
                self._is_whole = False
            elif name == _LEVEL:
                self._has_level = value.strip() == b"1"
            if name in _PLAIN and value.strip().lower() not in _PLAIN[name]:
                raise EncodingRefused("bodies are not compressed")
        if head_size > HEAD_BYTES_MAX:
            raise HeadTooLarge(f"the head of a request has {HEAD_BYTES_MAX // 1024} KiB at most")
        if self._is_whole:
            self._admit()
            return
        self._ends_at = asyncio.get_running_loop().time() + self._gate.limits.body_seconds
        if declared is not None and int(declared) > self._gate.body_bytes_max:
            raise self._name_too_large()

    def _admit(self) -> None:
        self._gate.admit()
        self._is_admitted = True

    def _name_too_large(self) -> TooLarge:
        return TooLarge(f"a body has {self._gate.body_bytes_max // 1024} KiB at most")

    async def receive(self) -> Message:
        """Give what comes next; raises `Denied` for what comes too slowly, or is too much."""
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._ends_at):
                message = await self._receive()
        except TimeoutError as exc:
            raise BodyTooSlow(f"the body took more than {self._gate.limits.body_seconds:.0f} s") from exc
        if message["type"] != "http.request":
            raise Malformed("the body is not whole")
        self._size += len(message["body"])
        if self._size > self._gate.body_bytes_max:
            raise self._name_too_large()
        if self._size - _SMALL_BYTES > self._charged:
            more = self._size - _SMALL_BYTES - self._charged
            self._gate.make_room(more)
            self._charged += more
        if not message.get("more_body"):
            self._is_whole = True
            self._admit()
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on; one that does not wait for the whole body ends the connection in a moment."""
        if message["type"] == "http.response.start":
            self._is_begun = True
            self._gate.note(message["status"])
            if self._has_level and message["status"] >= 400:  # else it is told with the answer
                message["headers"] = [*message.get("headers", ()), (_LEVEL, b"1")]
            if not self._is_whole:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        elif not self._is_whole and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _linger(self) -> None:
        """Read on for a moment: who is hung up on while sending does not read the answer."""
        left = _LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(self._gate.limits.linger_seconds):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body"):
                        return

    async def refuse(self, exc: Exception, problem: Problem) -> None:
        """Answer with a problem, unless an answer has begun."""
        if self._is_begun:
            raise exc
        status, headers, body = problem
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        length = (b"content-length", str(len(body)).encode())
        await self.send({"type": "http.response.start", "status": status, "headers": [*encoded, length]})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def leave(self) -> None:
        """Give back what was counted."""
        self._gate.bodies_bytes -= self._charged
        self._gate.working_count -= self._is_admitted
        self._charged, self._is_admitted = 0, False
