"""From bytes to checked values: decoding an answer and reading its members without trusting any of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .. import errors

if TYPE_CHECKING:
    from ..http import Answer

_BACKUP_ID = re.compile(r"[0-9]{1,18}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DIGITS_COUNT = 18
_BOM = b"\xef\xbb\xbf"  # the legacy generation sends one (2.0.8.1 README, 8.1)


def decode(answer: Answer, what: str) -> Any:
    """Decode JSON; an empty body is None. Raises `NotDuplicati` for a web page, else `NotUnderstood`."""
    body = answer.body.removeprefix(_BOM)
    if not body.strip():
        return None
    kind = (answer.header("Content-Type") or "").lower()
    if body.lstrip()[:1] == b"<" or "html" in kind:
        raise errors.NotDuplicati(f"a web page came instead of {what}: a proxy, a login portal or another program")
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise errors.NotUnderstood(f"{what} cannot be read: the answer is damaged") from exc


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def backup_id(text: str) -> str:
    """Check an identifier before it enters a URL: digits, or the GUID of a temporary backup. Raises `InvalidValue`."""
    if not isinstance(text, str) or not _BACKUP_ID.fullmatch(text):
        raise errors.InvalidValue("this is not the id of a backup", hint="duplicati list backups")
    return text


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Take an object as it is; raises `NotUnderstood` for anything else."""
    if not isinstance(value, dict):
        raise errors.NotUnderstood(f"the server gave {what} in another form than expected")
    return value


def sequence(value: Any, what: str) -> Sequence[Any]:
    """Take a list as it is; raises `NotUnderstood` for anything else."""
    if not isinstance(value, list):
        raise errors.NotUnderstood(f"the server gave {what} in another form than expected")
    return value


def member(raw: Any, *names: str) -> Any:
    """Return the first member present under one of the names, else None; releases differ in case (`ID`, `Id`)."""
    if isinstance(raw, dict):
        for name in names:
            if name in raw:
                return raw[name]
    return None


def text(raw: Any, *names: str) -> str:
    """Return a text member, or an empty text."""
    value = member(raw, *names)
    return value if isinstance(value, str) else ""


def text_or_none(raw: Any, *names: str) -> str | None:
    """Return a text member that is not empty, or None."""
    value = member(raw, *names)
    return value if isinstance(value, str) and value else None


def backup_id_or_none(raw: Any, *names: str) -> str | None:
    """Return the id of a backup, also where it is no text but a number."""
    value = member(raw, *names)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_or_none(raw, *names)


def number(raw: Any, *names: str) -> int | None:
    """Return an integer member; numbers in text are accepted, fractions cut."""
    value = member(raw, *names)
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_COUNT else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < 10**_DIGITS_COUNT else None


def natural(raw: Any, *names: str) -> int | None:
    """Return an integer member that is not negative, as numbers of tasks are."""
    value = number(raw, *names)
    return value if value is not None and 0 <= value < 10**18 else None


def fraction(raw: Any, *names: str) -> float | None:
    """Return a number member as a float."""
    value = member(raw, *names)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e18 else None


def flag(raw: Any, *names: str) -> bool:
    """Return a boolean member; anything but `true` is False."""
    return member(raw, *names) is True
