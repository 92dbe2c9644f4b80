"""Turn single values into the short text people read: local times, human sizes, durations; nothing of layout."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RECENT_DAYS = 183
_DAY_SECONDS = 86400
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def format_times(values: Iterable[datetime | None], now: datetime | None = None) -> list[str]:
    """Show aware times in local time, None as nothing: day and minute within half a year of `now`, else the date.

    Asking the system for the local time is what takes long, so a day's offset is asked for once.
    """
    offsets: dict[int, int | None] = {}
    dates: dict[int, tuple[str, str]] = {}
    texts = []
    for value in values:
        if value is None:
            texts.append("")
            continue
        seconds = (value - _EPOCH) // _SECOND
        day = seconds // _DAY_SECONDS
        offset = offsets[day] if day in offsets else offsets.setdefault(day, _find_offset(day))
        seconds += _offset_at(seconds) if offset is None else offset
        day, second = divmod(seconds, _DAY_SECONDS)
        short, full = dates[day] if day in dates else dates.setdefault(day, _format_date(day))
        is_recent = now is None or abs((value - now).days) <= _RECENT_DAYS
        texts.append(f"{short} {second // 3600:02}:{second // 60 % 60:02}" if is_recent else full)
    return texts


def _find_offset(day: int) -> int | None:
    """Return the seconds that local time is ahead on a day, None for a day on which the clocks are changed."""
    first, last = _offset_at(day * _DAY_SECONDS), _offset_at((day + 1) * _DAY_SECONDS - 1)
    return first if first == last else None


def _offset_at(seconds: int) -> int:
    try:
        return time.localtime(seconds).tm_gmtoff
    except (OverflowError, ValueError, OSError):  # years that the local calendar cannot hold
        return 0


def _format_date(day: int) -> tuple[str, str]:
    # Local time may lie a day beyond the calendar, whose last year stands for "never ends".
    at = date.fromordinal(min(max(day + _EPOCH_ORDINAL, 1), date.max.toordinal()))
    short = f"{at.day:2} {_MONTHS[at.month - 1]}"
    return short, f"{short} {at.year:4}"


def format_time_of(at: datetime, now: datetime | None = None) -> str:
    """Show one aware time in a sentence, short as in a column."""
    return format_times((at,), now)[0].strip()


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
        return format_times(values, now)
    form = _FORMATS.get(kind, str)
    return ["" if value is None else form(value) for value in values]


def format_value(kind: str, value: Any, now: datetime | None = None) -> str:
    """Show one value."""
    return format_values(kind, (value,), now)[0]
