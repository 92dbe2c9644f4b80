"""Read and write the protocol's JSON: total, strict and bounded; knows what JSON is, not what a task is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ..errors import DuplicatiClientError

DEPTH: Final = 32
VALUES_MAX: Final = 200_000
_BITS = 63
_DIGITS_COUNT = 20
_FRACTION_CHARACTERS = 64
_STRUCTURE = bytes.maketrans(b"{}", b"[]")
_REST = bytes(set(range(256)) - set(b'[]{},"'))
_TEXT = re.compile(rb'"[^"]*"?')
_TOKEN = re.compile(rb'"[^"]*"?|[\[{]|[\]}]')
# A number that nobody writes stands where something nested too deeply was.
_DEEP_MARK = "1e-320000000"


class Undecodable(DuplicatiClientError):
    """A body that is no JSON of the protocol, whatever its status said; nothing of it may be believed."""

    code = "undecodable"
    is_retryable = True


class Refused:
    """Stands where a value was that this program does not take; `reason` names what it was.

    `members` are those of an object whose other members were given twice.
    """

    __slots__ = ("members", "reason")

    def __init__(self, reason: str, members: Mapping[str, Any] | None = None) -> None:
        self.reason = reason
        self.members: Mapping[str, Any] = members or {}


def decode(body: bytes) -> Any:
    """Decode a body; any bytes give a value or `Undecodable`.

    What is lawful JSON and still refused (NaN, a member twice, a number beyond 64 bits, deep nesting) becomes a
    `Refused` in its place, so that it spoils its own item of a list and no other. A body of more than `VALUES_MAX`
    values is refused whole: they would need twenty times its memory.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise Undecodable("the body begins with a byte order mark")
    try:
        text = _bound(body).decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Undecodable("the body is not UTF-8") from exc
    try:
        return _DECODER.decode(text)
    except RecursionError as exc:
        raise Undecodable("the body is nested too deeply") from exc
    except ValueError as exc:
        raise Undecodable("the body is not JSON") from exc


def find_refused(value: Any) -> str | None:
    """Return why a decoded value cannot be taken, or None; looks at all of it."""
    level = [value]
    while level:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, Refused):
                return item.reason
            if isinstance(item, str) and _is_broken(item):
                return "half a surrogate pair"
            if isinstance(item, dict):
                inner += item.keys()
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        level = inner
    return None


def encode(value: Any) -> bytes:
    """Encode compactly in ASCII, members in the order given; raises `ValueError` for NaN and infinities."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def write_canonically(value: Any) -> bytes:
    """Return a decoded value's one form: members sorted, no gaps, ASCII; the same content gives the same."""
    text = json.dumps(
        value, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_describe
    )
    return text.encode("ascii")


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's one form."""
    return hashlib.sha256(write_canonically(value)).hexdigest()


def _describe(refused: Refused) -> list[Any]:
    return ["refused", refused.reason, refused.members]


def _is_broken(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _bound(body: bytes) -> bytes:
    """Return the body with what is nested too deeply cut out, so that no decoder's stack can be exhausted.

    Works on bytes and in a fixed number of passes: brackets, commas and quotes are ASCII, and no part of other letters.
    """
    plain = body.replace(rb"\\", b"__").replace(rb"\"", b"__")
    marks = plain.translate(_STRUCTURE, _REST)
    are_many = marks.count(b'"') > 4 * VALUES_MAX
    marks = b"" if are_many else _TEXT.sub(b"", marks)
    if are_many or marks.count(b",") + marks.count(b"[") > VALUES_MAX:
        raise Undecodable(f"the body holds more than {VALUES_MAX} values")
    brackets = marks.replace(b",", b"")
    for _ in range(DEPTH):
        if not brackets:
            return body
        brackets = brackets.replace(b"[]", b"")
    return _cut_deep(body, plain) if brackets else body


def _cut_deep(body: bytes, plain: bytes) -> bytes:
    parts, depth, end = [], 0, 0
    for token in _TOKEN.finditer(plain):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth == DEPTH + 1:
                parts += [body[end : token.start()], _DEEP_MARK.encode()]
        elif mark in b"]}":
            depth -= 1
            if depth == DEPTH:
                end = token.end()
            if depth < 0:
                break
    if depth:
        raise Undecodable("the body is not JSON")
    return b"".join([*parts, body[end:]])


def _build_object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any] | Refused:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            members.pop(name, None)
        seen.add(name)
    return Refused("a member given twice", members)


def _read_integer(digits: str) -> int | Refused:
    number = int(digits) if len(digits) <= _DIGITS_COUNT else None
    return number if number is not None and number.bit_length() <= _BITS else Refused("a number beyond 64 bits")


def _read_fraction(text: str) -> float | Refused:
    if text == _DEEP_MARK:
        return Refused(f"more than {DEPTH} levels")
    number = float(text) if len(text) <= _FRACTION_CHARACTERS else float("inf")
    return number if number - number == 0 else Refused("a number out of range")


def _refuse_constant(name: str) -> Refused:
    return Refused(f"the value {name}")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_build_object,
    parse_int=_read_integer,
    parse_float=_read_fraction,
    parse_constant=_refuse_constant,
)
