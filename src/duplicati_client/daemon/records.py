"""Lines of the journal: how a record becomes one, and which of a damaged file can be believed; no files here."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from .entries import Damage

FORMAT = 1
_PREFIX = b"- "
_BEGIN = b'- {"Format":'
_END = ord("\n")
_SUM = b',"Sum":"%08x"}'
_SUM_BYTES = len(_SUM % 0)
_KEY_FORM = re.compile(r"i:-?[0-9]{1,20}|s:[A-Za-z0-9._:-]{1,128}")
_FRAME = re.compile(rb'- \{"Format":[^,]*,"LSN":([0-9]+),"Task":"([^"]+)","Step":"([a-z]+)"')
_MARK = re.compile(r"([0-9]{1,18}) ([a-z]+) (i:-?[0-9]{1,20}|s:[A-Za-z0-9._:-]{1,128})")
_MARK_BEGIN = b'"Mark":"'
_MARK_SUM_BYTES = len(b'","MarkSum":"') + 8
# Quotes within a text are escaped, so that nothing a task says can look like the head of a record.
_HEAD = re.compile(rb'(?s)(?<=.)(?=- \{"Format":)')
_NOT_PLAIN = re.compile("[\x7f-\uffff]")
_POWER = re.compile(r"[\[:,]-?\d[.\d]*e[-+]?\d")
_TEXT_OR_POWER = re.compile(r'"(?:[^"\\]|\\.)*"|[-.\d]+e[-+]?\d')
# Without the search for circles: what is recorded was read from JSON, and has none.
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))


class Reading(NamedTuple):
    """What a file holds.

    `records` are the sound ones in order, `offsets` where their lines begin. `sound_bytes` is where the last of them
    ends: what follows is a torn tail, of which nothing came, because nothing is done before a sync. `is_strange` tells
    that all there is is one such tail that does not even begin as a record does.
    """

    records: list[dict[str, Any]]
    offsets: list[int]
    damage: Damage
    sound_bytes: int
    torn_bytes: int
    has_last_end: bool = True
    is_strange: bool = False


class Piece(NamedTuple):
    """A line of a file, or what is left of several that ran together; `line` counts from 1.

    `record` is None if it is not sound; then `key` is the task it was about, where its marks agree on one.
    """

    line: int
    text: bytes
    record: Mapping[str, Any] | None
    key: str | None
    is_torn: bool


# A record, or None and the text of what should be one.
_Found = tuple[Mapping[str, Any] | None, bytes]


class _Line(NamedTuple):
    """A line, or what is left of several; its body is None if it is not sound."""

    start: int
    end: int
    body: bytes | None


def write_fields(fields: Mapping[str, Any]) -> str:
    """Write the fields of a record as JSON that YAML takes for the same; raises `ValueError` and `TypeError`.

    YAML and Python take more characters for the end of a line than 0x0A, so what is not ASCII is escaped, but for what
    has no escape that JSON and YAML share: characters beyond U+FFFF. A power needs a point to be a number in YAML.
    """
    text = _ENCODER.encode(fields)[1:-1]
    if not text.isascii() or "\x7f" in text:
        text = _NOT_PLAIN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    if ("e+" in text or "e-" in text) and _POWER.search(text):
        text = _TEXT_OR_POWER.sub(_give_point, text)
    return text


def _give_point(found: re.Match[str]) -> str:
    token = found[0]
    return token if token.startswith('"') or "." in token else token.replace("e", ".0e")


def write_line(number: int, key: str, step: str, at: str, fields: str) -> bytes:
    """Write a record as one item of a YAML list, `fields` as `write_fields` gives them.

    At its end are number, step and key once more with a checksum of them, and a checksum of it all: one spoilt place,
    wherever it is, leaves two of three marks that tell which record it was.
    """
    mark = f"{number} {step} {key}"
    body = (
        f'{{"Format":{FORMAT},"LSN":{number},"Task":"{key}","Step":"{step}","At":"{at}",{fields}{"," if fields else ""}'
        f'"Mark":"{mark}","MarkSum":"{zlib.crc32(mark.encode()):08x}"'
    ).encode()
    return b'%s%s,"Sum":"%08x"}\n' % (_PREFIX, body, zlib.crc32(body))


def read_lines(data: bytes) -> Reading:
    """Read a whole file; any bytes give a reading."""
    lines = _split(data)
    records = _decode([line.body for line in lines])
    sound = [index for index, record in enumerate(records) if record is not None]
    is_torn = _is_torn(data, records)
    bad_count = len(lines) - len(sound) - is_torn
    damage = Damage()
    if bad_count or _has_jump(records):
        texts = [data[line.start : line.end] if line.body is None else b"" for line in lines]
        damage = _find_damage(list(zip(records, texts, strict=True))[: len(lines) - is_torn])
    return Reading(
        records=[record for record in records if record is not None],
        offsets=[lines[index].start for index in sound],
        damage=damage,
        sound_bytes=lines[sound[-1]].end if sound else 0,
        torn_bytes=lines[-1].end - lines[-1].start if is_torn else 0,
        has_last_end=not data or is_torn or data.endswith(b"\n"),
        is_strange=is_torn and len(lines) == 1 and not _BEGIN.startswith(data[: len(_BEGIN)]),
    )


def list_pieces(data: bytes) -> list[Piece]:
    """Return all that a file is made of, sound or not, for a person who looks at it; any bytes give some pieces."""
    lines = _split(data)
    records = _decode([line.body for line in lines])
    is_torn = _is_torn(data, records)
    pieces, number = [], 1
    for line, record in zip(lines, records, strict=True):
        text = data[line.start : line.end]
        key = record["Task"] if record is not None else _find_mark(text).key
        pieces.append(Piece(number, text, record, key, is_torn and line is lines[-1]))
        number += text.count(b"\n")
    return pieces


def _is_torn(data: bytes, records: Sequence[Any]) -> bool:
    """Say whether the last line is one that was never finished."""
    return bool(records) and records[-1] is None and not data.endswith(b"\n")


def _split(data: bytes) -> list[_Line]:
    """Return the lines; whoever spoils a byte may take the end of a line away, or make one where none was."""
    lines: list[_Line] = []
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        body = _find_body(data, start, end)
        if body is not None:
            lines.append(_Line(start, end, body))
        else:
            _part(lines, start, data[start:end])
        start = end
    return lines


def _part(lines: list[_Line], start: int, text: bytes) -> None:
    """Add a line that is not sound: parted where another record begins, or as more of the one before."""
    for piece in _HEAD.split(text):
        body = _find_body(piece, 0, len(piece))
        if body is None and not piece.endswith(b"\n"):
            body = _find_body(piece, 0, len(piece) - 1)
        before = lines[-1] if lines else None
        is_more = before is not None and before.body is None and not piece.startswith(_BEGIN)
        if before is not None and is_more and body is None and piece.endswith(b"\n"):
            lines[-1] = _Line(before.start, start + len(piece), None)
        else:
            lines.append(_Line(start, start + len(piece), body))
        start += len(piece)


def _find_body(data: bytes, start: int, end: int) -> bytes | None:
    """Return the JSON of a line without its checksum and last brace, None if the line is not sound."""
    end -= data[end - 1] == _END
    body = data[start + len(_PREFIX) : max(start, end - _SUM_BYTES)]
    is_sound = data[end - _SUM_BYTES : end] == _SUM % zlib.crc32(body) and data.startswith(_PREFIX, start)
    return body if is_sound and body else None


def _decode(bodies: Sequence[bytes | None]) -> list[dict[str, Any] | None]:
    """Decode the sound ones; decoding all at once costs half of decoding each."""
    sound = [body for body in bodies if body is not None]
    try:
        decoded = _read_json(b"[" + b"},".join(sound) + b"}]") if sound else []
    except (ValueError, RecursionError):
        decoded = None
    if decoded is None or len(decoded) != len(sound):  # somebody has made checksums for what is no record
        decoded = [_decode_one(body) for body in sound]
    records = iter(decoded)
    return [None if body is None else _check(next(records)) for body in bodies]


def _decode_one(body: bytes) -> Any:
    try:
        return _read_json(body + b"}")
    except (ValueError, RecursionError):
        return None


def _read_json(text: bytes) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(record: Any) -> dict[str, Any] | None:
    """Return a record that has what every record has, without its marks, or None."""
    try:
        key, step, at = record["Task"], record["Step"], record["At"]
        is_whole = record["Format"] == FORMAT and isinstance(record["LSN"], int) and _KEY_FORM.fullmatch(key)
    except (TypeError, KeyError):
        return None
    if not is_whole or not isinstance(step, str) or not isinstance(at, str):
        return None
    found: dict[str, Any] = record
    found.pop("Mark", None)
    found.pop("MarkSum", None)
    return found


def _has_jump(records: Sequence[Mapping[str, Any] | None]) -> bool:
    numbers = [record["LSN"] for record in records if record is not None]
    return any(later != earlier + 1 for earlier, later in pairwise(numbers))


def _find_damage(found: Sequence[_Found]) -> Damage:
    """Say which records the bad lines were, and where something is missing of which that is not known.

    Lines are looked at in the order of their records' numbers; a record that is there twice counts once.
    """
    lost: list[tuple[str, str]] = []
    open_until = number = 0
    is_about_strangers, before = False, None
    for record, text in _sort(found):
        if record is not None and record == before:
            continue
        mark = _find_mark(text) if record is None else _Mark(record["LSN"], record["Step"], record["Task"])
        if mark.key is None or (number and mark.number != number + 1):
            open_until, is_about_strangers = max(open_until, number), True
        if record is None and mark.key is not None:
            lost.append((mark.key, mark.step))
        number, before = max(number, mark.number), record or before
    return Damage(tuple(lost), open_until, is_about_strangers)


def _sort(found: Sequence[_Found]) -> list[_Found]:
    """Return them in the order of the records' numbers, each bad line after the record that was before it."""
    number, placed = 0, []
    for one in found:
        number = one[0]["LSN"] if one[0] is not None else number
        placed.append((number, one))
    return [one for _, one in sorted(placed, key=itemgetter(0))]


class _Mark(NamedTuple):
    """Which record a line is, or was; no key where that cannot be told."""

    number: int = 0
    step: str = ""
    key: str | None = None


def _find_mark(text: bytes) -> _Mark:
    """Return which record a bad line was, if two of its three marks agree: its beginning, its end, and their checksum.

    They are looked for in their places only: what a task says may look like them.
    """
    frame = _FRAME.match(text)
    end = len(text) - text.endswith(b"\n") - _SUM_BYTES - 1
    begin = text.rfind(_MARK_BEGIN, 0, end) + len(_MARK_BEGIN)
    first = b"%s %s %s" % frame.group(1, 3, 2) if frame else b""
    again, told_sum = text[begin : end - _MARK_SUM_BYTES], text[end - 8 : end]
    signed = [mark for mark in (first, again) if b"%08x" % zlib.crc32(mark) == told_sum]
    agreed = signed[0] if signed else first if first == again else b""
    found = _MARK.fullmatch(agreed.decode("ascii", "replace"))
    return _Mark(int(found[1]), found[2], found[3]) if found else _Mark()
