"""One connection: uvicorn's, with the poll that needs no database answered before any framework, and with deadlines.

A fleet polls far more often than anything else happens. Such a poll costs a third of what the shortest way through an
ASGI application does (`docs/decisions/0013-task-server-on-litestar.md`), and is the same answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from . import credentials
from .api.daemons import IDLE_ETAG, has_tasks
from .api.problems import write_problem
from .crowd import Crowd
from .identity import read_token
from .parts import Parts

if TYPE_CHECKING:
    from asyncio import TimerHandle

_POLL: Final = b"GET /api/tasks/status HTTP/1.1\r\n"
_POLL_BYTES: Final = 4096
_UNUSUAL: Final = frozenset({"prefer", "content-length", "content-encoding", "transfer-encoding", "connection"})
"""Headers of a poll that is not answered the short way, for they may change the answer."""
_HEADS_MAX: Final = 20_000
HEAD_SECONDS: Final = 10.0
_HEAD_BYTES: Final = 64 * 1024
_STUCK_SECONDS: Final = 60.0


def make_protocol(parts: Parts, crowd: Crowd) -> type[HttpToolsProtocol]:
    """Return the protocol of this task server's connections."""
    return type("Connection", (PollProtocol,), {"parts": parts, "crowd": crowd, "heads": {}})


class PollHead(NamedTuple):
    """What the head of a poll says: the digest of its token, and how its daemon speaks."""

    token: str
    level: int
    instance: str | None


Heads = dict[bytes, PollHead]
"""Heads by a digest of their bytes: a daemon sends the same ones again and again."""


class PollProtocol(HttpToolsProtocol):
    """One connection; everything but a whole poll that can be answered at once goes uvicorn's way.

    The head of a request has to come within ten seconds, and whoever does not read an answer is hung up on after a
    minute; how long a body may take is the gate's business.
    """

    parts: ClassVar[Parts]
    crowd: ClassVar[Crowd]
    heads: ClassVar[Heads]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._head_timer: TimerHandle | None = None
        self._stuck_timer: TimerHandle | None = None
        self._head_bytes = 0
        self._is_in_head = False
        self._begun: list[RequestResponseCycle] = []

    # --- the short way ----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if data.startswith(_POLL) and self._is_between() and not self._is_in_head and not self._head_bytes:
            answer = _answer_poll(self.parts, self.heads, data)
            if answer is not None:
                self._unset_keepalive_if_required()
                self._end_head_timer()
                self.transport.write(answer)
                self.crowd.rest(self)
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
                return
        super().data_received(data)
        self._watch_head(len(data))

    # --- deadlines --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end_head)
        self.crowd.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._give_up_answers()
        self.crowd.leave(self)
        self._end_head_timer()
        self._end_stuck_timer()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes = False, 0
        self._end_head_timer()
        self.crowd.work(self)
        super().on_headers_complete()
        if self.cycle is not None:
            self._begun.append(self.cycle)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._begun = [cycle for cycle in self._begun if not cycle.response_complete]
        if self._is_free() and not self.transport.is_closing():
            self.crowd.rest(self)
            self._watch_head(0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_stuck_timer()
        self._stuck_timer = self.loop.call_later(_STUCK_SECONDS, self.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stuck_timer()

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()
        self._give_up_answers()

    def _give_up_answers(self) -> None:
        """Let nothing be written any more of what is being answered, which would be taken for a mistake of ours.

        uvicorn remembers the last request alone, and that only once the connection is lost.
        """
        for cycle in self._begun:
            cycle.disconnected = True
            cycle.message_event.set()

    def _is_free(self) -> bool:
        """Say whether nothing is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _is_between(self) -> bool:
        """Say whether what comes now belongs to no request that was answered."""
        return self.cycle is None or bool(self.cycle.response_complete and not self.cycle.more_body)

    def _watch_head(self, size: int) -> None:
        """Count what came without making a head whole, and see to it that it does not take long."""
        is_something = self._is_in_head or (size and self._is_between())
        if self.transport.is_closing() or not is_something:
            return
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES:
            self._refuse(431, "head-too-large", "the head of this request has no end")
        elif self._head_timer is None and self._is_free():
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end_head)

    def _end_head(self) -> None:
        self._head_timer = None
        if self.transport.is_closing() or not self._is_free():
            return
        if self._head_bytes:
            self._refuse(408, "too-slow", "the head of this request did not come in time")
        else:
            self.transport.close()

    def _end_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_stuck_timer(self) -> None:
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; uvicorn's words for it are no problem document."""
        del msg
        self._refuse(400, "malformed", "this is no request of HTTP/1.1")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer with a problem and hang up; in the midst of another answer only hang up."""
        if self._is_free():
            self.transport.write(_write_problem(status, code, detail))
        self.transport.close()
        self._give_up_answers()


def _write_problem(status: int, code: str, detail: str) -> bytes:
    _, headers, body = write_problem(status, code, detail)
    lines = [f"{name.lower()}: {value}\r\n" for name, value in headers.items()]
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ndate: {_tell_date()}\r\n{''.join(lines)}"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode("ascii") + body


def _answer_poll(parts: Parts, heads: Heads, data: bytes) -> bytes | None:
    """Return the 304 if it is certain without asking anybody that it is due; everything unusual is None."""
    name = hashlib.sha256(data).digest()
    head = heads.get(name) or _read_head(data)
    daemon = parts.identities.recall(head.token) if head is not None else None
    if head is None or daemon is None or not parts.presence.is_known(daemon.daemon_id, head.instance, head.level):
        return None
    if len(heads) >= _HEADS_MAX:
        heads.clear()
    heads[name] = head
    attention = parts.attentions.recall(daemon.daemon_id)
    if attention is None or has_tasks(attention, head.level):
        return None
    parts.counts.polls["short"] += 1
    return _write_idle(parts, head.level)


def _read_head(data: bytes) -> PollHead | None:
    """Read a poll's head; None if it is not whole, or not as daemons send it."""
    if len(data) > _POLL_BYTES or not data.endswith(b"\r\n\r\n") or data.count(b"\r\n\r\n") != 1:
        return None
    headers: dict[str, str] = {}
    for line in data[len(_POLL) : -4].decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or name in headers or name in _UNUSUAL:
            return None
        headers[name] = value.strip()
    token = read_token(headers.get("authorization", ""))
    level = 1 if headers.get("duplicati-task-protocol") == "1" else 0
    instance = headers.get("duplicati-instance") if level else None
    return PollHead(credentials.digest(token), level, instance) if token else None


def _write_idle(parts: Parts, level: int) -> bytes:
    more = ""
    if level:
        more = (
            f"duplicati-task-protocol: 1\r\nduplicati-epoch: {parts.epoch}\r\n"
            f"duplicati-poll-after: {parts.pace.seconds}\r\n"
        )
    return (
        f"HTTP/1.1 304 Not Modified\r\ndate: {_tell_date()}\r\ncache-control: no-store\r\n{more}"
        f"etag: {IDLE_ETAG}\r\nvary: Prefer\r\n\r\n"
    ).encode("ascii")


_told: tuple[int, str] = (0, "")


def _tell_date() -> str:
    """Return the time as HTTP writes it, made once a second."""
    global _told  # noqa: PLW0603 - a date is the same for all
    now = int(time.monotonic())
    if _told[0] != now:
        _told = (now, formatdate(usegmt=True))
    return _told[1]
