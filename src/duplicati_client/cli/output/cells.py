"""Turn single values into the short text people read: local times, human sizes, durations; nothing of layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RECENT_DAYS = 183
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_time(at: datetime, now: datetime | None = None) -> str:
    """Show an aware time in local time: day and minute within half a year of `now`, else the date."""
    try:
        local = at.astimezone()
    except (OverflowError, ValueError, OSError):  # years that the local calendar cannot hold
        return at.isoformat()[:10]
    if now is not None and abs((at - now).days) > _RECENT_DAYS:
        return f"{local.day:2} {_MONTHS[local.month - 1]} {local.year:4}"
    return f"{local.day:2} {_MONTHS[local.month - 1]} {local.hour:02}:{local.minute:02}"


def format_second(at: datetime) -> str:
    """Show an aware time as local date and second, for logs."""
    try:
        return str(at.astimezone())[:19]
    except (OverflowError, ValueError, OSError):
        return at.isoformat()[:19]


def format_size(size_bytes: int) -> str:
    """Show bytes with a binary unit and at most one decimal."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = float(size_bytes)
    power = 0
    while size >= 999.5 and power < len(_UNITS):
        size /= 1024
        power += 1
    return f"{size:.1f} {_UNITS[power - 1]}" if size < 9.95 else f"{size:.0f} {_UNITS[power - 1]}"


def format_duration(seconds: float) -> str:
    """Show a duration by its two largest units."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def format_flag(is_set: bool) -> str:
    """Show yes or no."""
    return "yes" if is_set else "no"


_FORMATS: dict[str, Callable[[Any], str]] = {
    "size": format_size,
    "seconds": format_duration,
    "flag": format_flag,
    "outcome": str.lower,
}
RIGHT_ALIGNED = frozenset({"size", "seconds", "number"})


def format_values(kind: str, values: Iterable[Any], now: datetime | None = None) -> list[str]:
    """Show the values of one column, None as nothing; the text is not neutralised yet."""
    if kind == "time":
        return ["" if value is None else format_time(value, now) for value in values]
    form = _FORMATS.get(kind, str)
    return ["" if value is None else form(value) for value in values]


def format_value(kind: str, value: Any, now: datetime | None = None) -> str:
    """Show one value."""
    return format_values(kind, (value,), now)[0]
