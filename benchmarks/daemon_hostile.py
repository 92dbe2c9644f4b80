"""Answers of task servers and Duplicati servers that mean no good, as data: what a daemon's memory is measured with."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import NamedTuple

from duplicati_client.daemon.servers import ANSWER_BYTES_MAX, WEIGHT_MAX
from duplicati_client.protocol.exchange import TASKS_BYTES_MAX

MIB = 1024 * 1024
_RUN = b'{"ID":%d,"Operation":"run","Resources":[{"Type":"backup","ID":1}]}'
_EMOJI = "\N{GRINNING FACE}".encode()


class Case(NamedTuple):
    """An answer to one route: what is sent first, what is sent for ever after it, and how long between two parts."""

    name: str
    route: str
    begin: bytes
    endless: bytes = b""
    pause_seconds: float = 0.0


def list_cases() -> Iterator[Case]:
    """Yield the answers of a task server one by one: all of them at once would take the measuring program's memory."""
    for route in ("status", "tasks", "result"):
        status = b"303 See Other" if route == "status" else b"200 OK"
        line, chunked = b"HTTP/1.1 " + status + b"\r\n", _begin(status, b"Transfer-Encoding: chunked\r\n")
        bomb = write(gzip.compress(bytes(200 * MIB), 9), b"Content-Encoding: gzip\r\n", status)
        terabyte = _begin(status, b"Content-Length: %d\r\n" % MIB**2)
        yield Case(f"{route}: gzip bomb", route, bomb)
        yield Case(f"{route}: endless body", route, _begin(status), b" " * 65536)
        yield Case(f"{route}: a terabyte announced", route, terabyte, b"[" * 4096)
        yield Case(f"{route}: endless chunks", route, chunked, b"1\r\n[\r\n" * 1000)
        yield Case(f"{route}: endless headers", route, line, b"X-Y: z\r\n" * 1000)
        yield Case(f"{route}: one endless header", route, line + b"X-Y: ", b"z" * 65536)
        yield Case(f"{route}: endless interim answers", route, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)
        yield Case(f"{route}: a byte now and then", route, _begin(status, b"Content-Length: 60000\r\n"), b" ", 0.05)
    for name, body in _list_bodies():
        yield Case(f"tasks: {name}", "tasks", write(body))


def list_bodies_of_lists() -> Iterator[tuple[str, bytes]]:
    """Yield what a Duplicati server may answer where a list is expected: too much, or just not too much."""
    size, weight = ANSWER_BYTES_MAX - 64, WEIGHT_MAX - 1024
    yield "32 MiB", b'["' + b"x" * (32 * MIB) + b'"]'
    yield "millions of empty objects", b"[" + b"{}," * (size // 3) + b"{}]"
    yield "empty objects", b"[" + b"{}," * (weight // 149) + b"{}]"
    yield "empty lists", b"[" + b"[]," * (weight // 149) + b"[]]"
    yield "numbers", b"[" + b"1.23456789," * (weight // 112) + b"1]"
    yield "brackets, never closed", b"[" * (weight // 73)
    yield "one number", b"[" + b"1" * (weight // 4) + b"]"
    yield "one text", b'["' + b"x" * size + b'"]'
    yield "one text of pictures", b'["' + _EMOJI * (weight // 36) + b'"]'
    yield "one text with one picture", b'["' + _EMOJI + b"x" * (weight // 9) + b'"]'
    yield "one text with an escaped picture", b'["\\ud83d\\ude00' + b"x" * (weight // 6) + b'"]'
    yield "spaces", b" " * size
    yield "half a list", b'[{"Backup":' + b'"xxxxxxxxxxxxxxxx",' * (weight // 127)


def make_tasks(count: int, first: int = 1) -> bytes:
    """Return a list of good tasks, all of them runs of one backup."""
    return b"[" + b",".join(_RUN % number for number in range(first, first + count)) + b"]"


def make_large_tasks(number_of_tasks: int, numbers: Iterator[int]) -> bytes:
    """Return a list of good tasks of 125 KiB that change nothing: each names a hundred backups."""
    names = b",".join(b'{"Type":"backup","Name":"%03d%s"}' % (number, b"n" * 1000) for number in range(100))
    form = b'{"ID":%d,"Operation":"describe","NotBefore":"2099-01-01T00:00:00Z","Resources":[%s]}'
    return b"[" + b",".join(form % (next(numbers), names) for _ in range(number_of_tasks)) + b"]"


def _begin(status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + headers + b"\r\n"


def write(body: bytes, headers: bytes = b"", status: bytes = b"200 OK") -> bytes:
    """Return a whole answer; `headers` are whole lines, each with its end."""
    return _begin(status, headers + b"Content-Length: %d\r\n" % len(body)) + body


def _list_bodies() -> Iterator[tuple[str, bytes]]:
    """Yield bodies of 8 MiB, or of as many values as one may hold."""
    size = TASKS_BYTES_MAX - 64
    yield "brackets, never closed", b"[" * size
    yield "brackets, all closed", b"[" * (size // 2) + b"]" * (size // 2)
    yield "100,000 empty lists", b"[" + b"[]," * 99_990 + b"[]]"
    yield "100,000 empty objects", b"[" + b"{}," * 99_990 + b"{}]"
    yield "a number of 8 MiB", b"[" + b"1" * size + b"]"
    yield "numbers of 40 digits", b"[" + b",".join([b"1" * 40] * 195_000) + b"]"
    yield "fractions", b"[" + b",".join([b"1.23456789e300"] * 199_900) + b"]"
    yield "NaN", b"[" + b",".join([b"NaN"] * 199_900) + b"]"
    yield "nothing but spaces", b" " * size
    yield "nothing but quotes", b'"' * size
    yield "nothing but backslashes", b'["' + b"\\" * (size - 6) + b'"]'
    yield "not UTF-8", b'["' + b"\xff" * (size - 6) + b'"]'
    yield "malformed tasks, small", _repeat(b'{"ID":%d,"Operation":7}', 66_000)
    yield "malformed tasks, 8 MiB", _repeat(b'{"ID":%d,"Operation":7,"x-a":"' + b"a" * 60 + b'"}', 60_000)
    yield "malformed tasks without an id", _repeat(b'{"Name":%d,"Operation":"run"}', 66_000)
    yield "a member given twice", _repeat(b'{"ID":%d,"Operation":"run","Operation":"run"}', 49_000)
    large = b'[{"ID":1,"Operation":"status","x-a":"%s"}]'
    yield "one task of 8 MiB", large % (b"a" * (size - 60))
    yield "one task of 8 MiB of pictures", large % (_EMOJI * (size // 4 - 20))
    yield "one task of 8 MiB with one picture", large % (_EMOJI + b"a" * (size - 80))
    yield "one task of 8 MiB of escapes", large % (b"\\u0001" * (size // 6 - 20))
    yield "one task of 200,000 members", b'[{"ID":1,' + _members(95_000) + b"}]"
    yield "tasks of 125 KiB", _repeat(b'{"ID":%d,"Operation":"status","x-a":"' + b"a" * 128_000 + b'"}', 65)
    yield "tasks of many small values", _repeat(b'{"ID":%d,"Operation":"status","x-a":[' + b"{}," * 1500 + b"{}]}", 60)
    yield (
        "tasks of 125 KiB with one picture",
        _repeat(b'{"ID":%d,"Operation":"status","x-a":"' + _EMOJI + b"a" * 128_000 + b'"}', 65),
    )
    yield "tasks of pictures", _repeat(b'{"ID":%d,"Operation":"status","x-a":"' + _EMOJI * 10_600 + b'"}', 190)
    yield "10,000 tasks in one answer", make_tasks(10_000)


def _repeat(form: bytes, count: int) -> bytes:
    return b"[" + b",".join(form % number for number in range(1, count + 1)) + b"]"


def _members(count: int) -> bytes:
    return b",".join(b'"%d":1' % number for number in range(count))
