"""Tokens and codes: how they look, so that typos and leaks are noticed, and what of them may be kept."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from enum import StrEnum
from typing import Final

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS: Final = 43
"""256 bits."""
_SUM_CHARACTERS: Final = 6


class Kind(StrEnum):
    """Who holds it, and how it begins."""

    DAEMON = "dcd_"
    ENROLMENT = "dce_"
    OPERATOR = "dco_"


def make(kind: Kind) -> str:
    """Return a new one."""
    body = kind.value + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_CHARACTERS))
    return body + _add_up(body)


def is_sound(kind: Kind, text: str) -> bool:
    """Say whether it may have been made here; spares the database typos, and proves nothing."""
    body, told = text[:-_SUM_CHARACTERS], text[-_SUM_CHARACTERS:]
    is_long_enough = len(text) == len(kind.value) + _RANDOM_CHARACTERS + _SUM_CHARACTERS
    return is_long_enough and text.isascii() and text.startswith(kind.value) and _add_up(body) == told


def digest(text: str) -> str:
    """Return what is kept of it; a random text of 256 bits needs no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def _add_up(body: str) -> str:
    value, written = zlib.crc32(body.encode()), ""
    for _ in range(_SUM_CHARACTERS):
        value, digit = divmod(value, len(_DIGITS))
        written = _DIGITS[digit] + written
    return written
