"""Whether a value fits the type that a server gives an option: sizes, lengths of time, choices; sends nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .. import errors

if TYPE_CHECKING:
    from ..sdk.options import KnownOption

_SIZE = re.compile(r"\d{1,15}(?:\.\d{1,6})?\s?(?:b|kb|mb|gb|tb)", re.ASCII | re.IGNORECASE)
_TIMESPAN = re.compile(r"(?:\d{1,9}[smhDWMY])+|\d{1,9}", re.ASCII)
_LOOSE_TIMESPAN = re.compile(r"(?:\d{1,9}\s?[a-zA-Z]+\s?)+", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_TRUTHS = frozenset({"true", "1", "yes", "on"})
_UNTRUTHS = frozenset({"false", "0", "no", "off"})
TIMESPAN_HINT = "a number with s, m (minutes), h, D (days), W, M (months) or Y, such as 12h or 1W2D; the case counts"


def check_value(value: str, kind: str, values: tuple[str, ...] = ()) -> None:
    """Raise `InvalidValue` if a text is no value of a kind; kinds that mean any text, or are not known, pass."""
    if kind == "Boolean" and value.lower() not in _TRUTHS | _UNTRUTHS:
        raise errors.InvalidValue(f"“{value}” is neither true nor false", hint="true or false")
    if kind == "Integer" and not _INTEGER.fullmatch(value):
        raise errors.InvalidValue(f"“{value}” is not a whole number")
    if kind == "Decimal" and not _DECIMAL.fullmatch(value):
        raise errors.InvalidValue(f"“{value}” is not a number", hint="digits, with a point before fractions")
    if kind == "Size" and value != "0" and not _SIZE.fullmatch(value):
        raise errors.InvalidValue(f"“{value}” is not a size", hint="a number with b, kb, mb, gb or tb, such as 50mb")
    if kind == "Timespan":
        check_timespan(value)
    if kind in ("Enumeration", "Flags") and values:
        for choice in value.split(",") if kind == "Flags" else [value]:
            _check_choice(choice.strip(), values)


def check_timespan(value: str) -> None:
    """Raise `InvalidValue` if a text is no length of time as Duplicati reads it (API reference, 7.4)."""
    if _TIMESPAN.fullmatch(value):
        return
    near = value.replace("d", "D").replace("w", "W").replace("y", "Y").replace(" ", "")
    is_near = _LOOSE_TIMESPAN.fullmatch(value) and _TIMESPAN.fullmatch(near)
    hint = f"did you mean {near}?" if is_near else TIMESPAN_HINT
    raise errors.InvalidValue(f"“{value}” is not a length of time", hint=hint)


def is_true(value: str) -> bool:
    """Say whether a text that passed as Boolean means yes."""
    return value.lower() in _TRUTHS


def _check_choice(value: str, values: tuple[str, ...]) -> None:
    if value.lower() in (known.lower() for known in values):
        return
    from .selection import suggest  # noqa: PLC0415 - only for a mistake

    shown = ", ".join(values[:20]) + (" …" if len(values) > 20 else "")
    raise errors.InvalidValue(
        f"“{value}” is none of the values allowed", hint=suggest(value, values) or f"one of: {shown}"
    )


def check_option(name: str, value: str, options: dict[str, KnownOption]) -> None:
    """Raise `InvalidValue` if a server lists no option of this name, or gives it a type that the value does not fit.

    A server that lists no options at all is not asked to judge.
    """
    option = options.get(name.lstrip("-").lower())
    if option is not None:
        try:
            check_value(value, option.kind, option.values)
        except errors.InvalidValue as exc:
            raise errors.InvalidValue(f"{name}: {exc.message}", hint=exc.hint) from exc
    elif options:
        from .selection import suggest  # noqa: PLC0415 - only for a mistake

        hint = suggest(name.lstrip("-").lower(), options) or "--unchecked, to set it all the same"
        raise errors.InvalidValue(f"the server knows no setting “{name}”", hint=hint)
