"""What a certificate says of itself (X.509 in DER, RFC 5280): names, issuer, dates; trusts and verifies nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_SEQUENCE, _UTC_TIME, _OCTETS = 0x30, 0x17, 0x04
_VERSION, _EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0xA0, 0xA3, 0x82, 0x87
_COMMON_NAME, _ORGANISATION, _ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x04\x0a", b"\x55\x1d\x11"
_NAMES_COUNT = 30


class Certificate(NamedTuple):
    """What was read; empty where it says nothing."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime


class _Part(NamedTuple):
    tag: int
    content: bytes


def read_certificate(der: bytes) -> Certificate | None:
    """Read one; None for what is damaged."""
    try:
        return _read(der)
    except (ValueError, IndexError, StopIteration):
        return None


def _read(der: bytes) -> Certificate:
    body = list(_parts(next(_parts(next(_parts(der)).content)).content))
    if body[0].tag == _VERSION:
        body = body[1:]
    _serial, _algorithm, issuer, validity, subject = body[:5]
    begins, ends = list(_parts(validity.content))[:2]
    extensions = next((part.content for part in body[5:] if part.tag == _EXTENSIONS), b"")
    return Certificate(
        subject=_read_name(subject.content),
        issuer=_read_name(issuer.content),
        names=tuple(_read_alternatives(extensions))[:_NAMES_COUNT],
        begins_at=_read_time(begins),
        ends_at=_read_time(ends),
    )


def _parts(data: bytes) -> Iterator[_Part]:
    """Yield the elements that stand one after the other; raises ValueError and IndexError for what is cut."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 0 < count <= 4:
                raise ValueError("a length of no use")
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > len(data):
            raise ValueError("cut off")
        yield _Part(tag, data[at : at + length])
        at += length


def _read_name(data: bytes) -> str:
    """Return the common name, else the organisation."""
    found = {}
    for group in _parts(data):
        for pair in _parts(group.content):
            kind, value = list(_parts(pair.content))[:2]
            found[kind.content] = value.content.decode("utf-8", "replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANISATION, "")


def _read_alternatives(data: bytes) -> Iterator[str]:
    for extension in _parts(next(_parts(data)).content) if data else ():
        parts = list(_parts(extension.content))
        if parts[0].content != _ALTERNATIVE_NAMES or parts[-1].tag != _OCTETS:
            continue
        for name in _parts(next(_parts(parts[-1].content)).content):
            if name.tag == _DNS_NAME:
                yield name.content.decode("ascii", "replace")
            elif name.tag == _IP_ADDRESS and len(name.content) in (4, 16):
                family = socket.AF_INET if len(name.content) == 4 else socket.AF_INET6
                yield socket.inet_ntop(family, name.content)


def _read_time(part: _Part) -> datetime:
    text = part.content.decode("ascii")
    if part.tag == _UTC_TIME:  # two digits of a year: 1950 to 2049
        text = ("19" if text >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
