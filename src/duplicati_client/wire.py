"""HTTP/1.1 messages on a connected socket (RFC 9112), with one deadline and one byte budget for the whole exchange.

The standard library's `http.client` costs more start-up time than all of this package (see
`docs/decisions/0005-own-http-messages.md`), and has neither a deadline nor a cap for what it reads.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

from . import errors

HEAD_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_HEADERS_COUNT = 200
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (.*))?", re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[\x21-\x7e]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Head(NamedTuple):
    """The first part of an answer; `is_regular` is False where lines had to be skipped."""

    minor_version: int
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    is_regular: bool

    def values(self, name: str) -> list[str]:
        """Return the comma-separated parts of a header, in lower case."""
        found = [value for key, value in self.headers if key.lower() == name]
        return [part.strip().lower() for value in found for part in value.split(",")]


class Stream:
    """A socket whose every read and write ends by one deadline, and whose input has a byte budget."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.idle_since = time.monotonic()
        self._buffer = bytearray()
        self._deadline = 0.0
        self._budget_bytes = 0

    def begin(self, deadline: float, budget_bytes: int) -> None:
        """Start an exchange: `deadline` is monotonic seconds."""
        self._deadline, self._budget_bytes = deadline, budget_bytes

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._limit_wait()
        self.socket.sendall(data)

    def read_line(self) -> bytes:
        """Return a line without its end; raises `ConnectionLost` when none comes."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > HEAD_BYTES:
                raise errors.NotUnderstood("what answers does not speak HTTP as a server should")
            if not self._fill():
                raise errors.ConnectionLost("the connection ended before the answer did")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def read_exactly(self, count: int) -> bytes:
        """Return that many bytes; raises `ConnectionLost` when fewer come."""
        while len(self._buffer) < count:
            if not self._fill():
                raise errors.ConnectionLost("the connection ended before the answer did")
        with memoryview(self._buffer) as view:
            data = bytes(view[:count])
        del self._buffer[:count]
        return data

    def read_to_end(self, max_bytes: int) -> bytes:
        """Return everything until the other side closes."""
        while self._fill():
            if len(self._buffer) > max_bytes:
                raise errors.AnswerTooLarge(f"the answer is larger than {max_bytes} bytes")
        return bytes(self._buffer)

    def is_stale(self) -> bool:
        """Say whether a kept connection was closed, or speaks out of turn."""
        try:
            has_more = bool(self._buffer) or getattr(self.socket, "pending", int)() > 0
            return has_more or bool(select.select([self.socket], [], [], 0)[0])
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        """Close the socket; may be called twice."""
        try:
            self.socket.close()
        except OSError:  # a reset connection has nothing left to lose
            return

    def _limit_wait(self) -> None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self.socket.settimeout(remaining)

    def _fill(self) -> bool:
        self._limit_wait()
        data = self.socket.recv(_READ_BYTES)
        self._budget_bytes -= len(data)
        if self._budget_bytes < 0:
            raise errors.AnswerTooLarge("the answer is larger than allowed")
        self._buffer += data
        return bool(data)


def write_request(stream: Stream, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> None:
    """Send a request; raises `InvalidValue` for anything that could not stand in one, before a byte is sent."""
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise errors.InvalidValue("this address has characters that may not be there")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        if not is_header(name, value):
            raise errors.InvalidValue(f"the header {name[:40]!r} has characters that may not be there")
        lines.append(f"{name}: {value}")
    stream.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))


def is_header(name: str, value: str) -> bool:
    """Say whether these can stand in a head without changing anything but their own line."""
    return _TOKEN.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None


def read_head(stream: Stream) -> Head:
    """Read the head of the final answer, passing over interim ones; raises `NotUnderstood` for what is no HTTP."""
    for _ in range(8):
        head = _read_one_head(stream)
        if head.status >= 200 or head.status == 101:
            return head
    raise errors.NotUnderstood("the server answers with interim answers only")


def _read_one_head(stream: Stream) -> Head:
    found = _STATUS_LINE.fullmatch(stream.read_line())
    if found is None:
        raise errors.NotUnderstood("what answers does not speak HTTP as a server should")
    headers: list[tuple[str, str]] = []
    is_regular = True
    while line := stream.read_line():
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and _TOKEN.fullmatch(name):
            headers.append((name, value.strip(" \t")))
        else:
            # 2.0.8 breaks its own head with error texts of several lines (2.0.8.1 pause-and-resume:513).
            is_regular = False
        if len(headers) > _HEADERS_COUNT:
            raise errors.NotUnderstood(f"the answer has more than {_HEADERS_COUNT} headers")
    reason = (found[3] or b"").decode("latin-1")
    return Head(int(found[1]), int(found[2]), reason, tuple(headers), is_regular)


def read_body(stream: Stream, method: str, head: Head, max_bytes: int) -> tuple[bytes, bool]:
    """Read the body by the framing of the head, and say whether the connection can carry another exchange."""
    can_stay = head.minor_version == 1 and "close" not in head.values("connection") and head.is_regular
    codings = [coding for coding in head.values("transfer-encoding") if coding]
    if method == "HEAD" or head.status in (101, 204, 304):
        return b"", can_stay and head.status != 101
    if codings:
        if codings != ["chunked"]:
            raise errors.NotUnderstood("the answer is encoded in a way that was not asked for")
        return _read_chunks(stream, max_bytes), can_stay
    length = _read_length(head)
    if length is None:
        return stream.read_to_end(max_bytes), False
    if length > max_bytes:
        raise errors.AnswerTooLarge(f"the answer has {length} bytes, more than {max_bytes}")
    return stream.read_exactly(length), can_stay


def _read_length(head: Head) -> int | None:
    lengths = set(head.values("content-length"))
    if not lengths:
        return None
    text = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,15}", text):
        raise errors.NotUnderstood("the answer does not say how long it is")
    return int(text)


def _read_chunks(stream: Stream, max_bytes: int) -> bytes:
    body = bytearray()
    while True:
        size_text = stream.read_line().partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size_text):
            raise errors.NotUnderstood("the answer is damaged between its parts")
        size = int(size_text, 16)
        if len(body) + size > max_bytes:
            raise errors.AnswerTooLarge(f"the answer is larger than {max_bytes} bytes")
        if size == 0:
            break
        body += stream.read_exactly(size)
        if stream.read_line():
            raise errors.NotUnderstood("the answer is damaged between its parts")
    while stream.read_line():  # trailers; the byte budget bounds them
        pass
    return bytes(body)
