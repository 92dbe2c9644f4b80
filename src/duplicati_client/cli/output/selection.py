"""Choose the columns, the order and the rows of a listing as --columns, --sort and --filter say; draws nothing."""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from .columns import Column, Listing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_COMPARISONS = {
    **{"=": operator.eq, "==": operator.eq, "!=": operator.ne},
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
}
_OPERATORS = (*_COMPARISONS, "~", "!~")
_SIZE_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_DIGITS_COUNT = 40
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


class Condition(NamedTuple):
    """One --filter: a field, how it is compared, and with what (as typed)."""

    field: str
    sign: str
    value: str


def parse_condition(text: str) -> Condition:
    """Read `FIELD=VALUE`, or `!=`, `<`, `<=`, `>`, `>=`, `~` (contains, or a pattern), `!~` in the place of `=`."""
    found = [(text.index(sign), -len(sign), sign) for sign in _OPERATORS if sign in text]
    if not found or min(found)[0] == 0:
        raise errors.UsageInvalid(
            f"this filter has no field and comparison: {text}", hint="for example --filter outcome=error"
        )
    at, _, sign = min(found)
    return Condition(_as_name(text[:at]), sign, text[at + len(sign) :].strip())


def keep_rows(listing: Listing, filters: Sequence[str], now: datetime) -> Listing:
    """Keep the rows that meet every filter; `now` is what ages such as `7d` are counted from."""
    rows = listing.rows
    for text in filters:
        condition = parse_condition(text)
        index = find_column(listing, condition.field)
        column = listing.columns[index]
        wanted = _read_operand(column, condition, now)
        rows = [row for row in rows if _is_met(condition.sign, column.kind, row[index], wanted)]
    return listing._replace(rows=rows)


def sort_rows(listing: Listing, order: str) -> Listing:
    """Sort by a comma list of fields, each with `-` before it for descending; unknown values come last."""
    rows = list(listing.rows)
    for part in reversed([part.strip() for part in order.split(",") if part.strip()]):
        index = find_column(listing, _as_name(part.lstrip("+-")))
        known = [row for row in rows if row[index] is not None]
        known.sort(key=partial(_make_sort_key, index), reverse=part.startswith("-"))
        rows = known + [row for row in rows if row[index] is None]
    return listing._replace(rows=rows)


def choose_columns(listing: Listing, names: str) -> Listing:
    """Keep the columns of a comma list, in its order."""
    return listing.narrowed([find_column(listing, _as_name(name)) for name in names.split(",") if name.strip()])


def find_column(listing: Listing, name: str) -> int:
    """Return where a column stands; raises `UsageInvalid` with the names there are."""
    names = [column.name for column in listing.columns]
    for at, column in enumerate(listing.columns):
        if name in (column.name, column.title.lower().replace(" ", "_")):
            return at
    from ..verbs import suggest  # noqa: PLC0415 - only for a mistake

    near = suggest(name, names) or next((known for known in names if name and name in known), None)
    hint = (f"did you mean {near}? " if near else "") + "fields: " + ", ".join(names)
    raise errors.UsageInvalid(f"{listing.kind} have no field {name}", hint=hint)


def parse_size(text: str) -> int:
    """Read bytes with an optional binary unit: 10, 5k, 1.5 GiB."""
    number, unit = _split_unit(text)
    short = unit.lower().removesuffix("ib").removesuffix("b") if unit.lower() != "b" else "b"
    if number is None or short not in _SIZE_UNITS:
        raise errors.InvalidValue(f"this is not a size: {text}", hint="for example 500k, 1.5GiB")
    return int(number * _SIZE_UNITS[short])


def _split_unit(text: str) -> tuple[float | None, str]:
    text = text.strip()
    end = 0
    while end < len(text) and (text[end] in "0123456789."):
        end += 1
    try:
        return float(text[:end]), text[end:].strip()
    except ValueError:
        return None, text


def _as_name(text: str) -> str:
    return text.strip().lower().replace("-", "_")


def _make_sort_key(index: int, row: Sequence[Any]) -> Any:
    value = row[index]
    if not isinstance(value, str):
        return value
    return (0, int(value), "") if _is_number(value) else (1, 0, value.casefold())


def _is_number(text: str) -> bool:
    """Say whether a text is a number; Python refuses to read thousands of digits."""
    return text.isdecimal() and len(text) <= _DIGITS_COUNT


def _read_operand(column: Column, condition: Condition, now: datetime) -> Any:
    if condition.sign.endswith("~") or condition.value == "":
        return condition.value.casefold()
    if column.kind == "size":
        return parse_size(condition.value)
    if column.kind == "seconds":
        from ...durations import parse_duration  # noqa: PLC0415 - only such filters need it

        return parse_duration(condition.value)
    if column.kind == "number":
        return _parse_number(condition.value)
    if column.kind == "time":
        from ...durations import parse_past  # noqa: PLC0415 - only such filters need it

        return parse_past(condition.value, now)
    if column.kind == "flag":
        return _parse_flag(condition.value)
    return condition.value.casefold()


def _parse_flag(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise errors.InvalidValue(f"this is neither yes nor no: {text}")
    return text.lower() in _YES


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise errors.InvalidValue(f"this is not a number: {text}") from exc


def _is_met(sign: str, kind: str, value: Any, wanted: Any) -> bool:
    if sign.endswith("~"):
        text = "" if value is None else str(value).casefold()
        return _fits(text, wanted) is (sign == "~")
    if value is None or wanted == "":
        is_equal = (value is None or value == "") and wanted == ""
        return is_equal if sign in ("=", "==") else not is_equal and sign == "!="
    if kind in ("text", "id", "outcome"):
        value = str(value).casefold()
        if sign[0] in "<>" and _is_number(value) and _is_number(wanted):
            value, wanted = int(value), int(wanted)
    return bool(_COMPARISONS[sign](value, wanted))


def _fits(text: str, wanted: str) -> bool:
    if not any(c in wanted for c in "*?["):
        return wanted in text
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only patterns need it

    return fnmatchcase(text, wanted)
