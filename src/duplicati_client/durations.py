"""Read durations and moments that a person types: the only place that says what `1h30m` or `tomorrow` mean."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from . import errors

_UNITS = {
    "w": 604800, "week": 604800, "weeks": 604800,
    "d": 86400, "day": 86400, "days": 86400,
    "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600,
    "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1,
}  # fmt: skip
_PART = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]*)\s*", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)
_LONGEST_SECONDS = 100 * 366 * 86400
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_DURATION_HINT = "for example 90 (seconds), 15m, 1h30m, 2d"
_MOMENT_HINT = "for example 18:00, tomorrow 07:00, 2026-07-10, 2026-07-10T08:00+02:00"


def parse_duration(text: str) -> float:
    """Return seconds: a bare number of them, or numbers with units (w, d, h, m, s), the larger unit first; raises
    `InvalidValue`.

    A number without a unit stands alone: `1h30` could mean minutes or seconds, and is refused.
    """
    rest = text.strip().lower()
    if not rest:
        raise errors.InvalidValue("this duration is empty", hint=_DURATION_HINT)
    if rest.startswith("-") and _PART.match(rest, 1):
        raise errors.InvalidValue(f"a duration cannot be negative: {text.strip()}", hint=_DURATION_HINT)
    seconds = float(rest) if _is_number(rest) else _add_parts(rest)
    if seconds is None:
        raise errors.InvalidValue(f"this is not a duration: {text.strip()}", hint=_DURATION_HINT)
    if seconds > _LONGEST_SECONDS:
        raise errors.InvalidValue(f"this duration is too long: {text.strip()}", hint=_DURATION_HINT)
    return seconds


def _is_number(text: str) -> bool:
    found = _PART.fullmatch(text)
    return found is not None and not found[2]


def _add_parts(text: str) -> float | None:
    """Return the sum of the numbers with their units, None where there is something else or a unit out of order."""
    total, at, smallest = 0.0, 0, 2 * _UNITS["w"]
    while at < len(text):
        found = _PART.match(text, at)
        unit = _UNITS.get(found[2]) if found else None
        if found is None or unit is None or unit >= smallest:
            return None
        total += float(found[1]) * unit
        at, smallest = found.end(), unit
    return total


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment a person names: RFC 3339, a date, `18:00` (today), `tomorrow` (its first minute) or `tomorrow
    07:00`; raises `InvalidValue`.

    What names no zone is local time; `now` is aware, and only says which day is today.
    """
    words = text.strip().lower()
    try:
        found = _read_words(words, now) or datetime.fromisoformat(words.upper())
        return found if found.tzinfo is not None else found.astimezone()
    except (ValueError, OverflowError, OSError) as exc:
        raise errors.InvalidValue(f"this is not a time: {text.strip()}", hint=_MOMENT_HINT) from exc


def _read_words(words: str, now: datetime) -> datetime | None:
    """Return the local time that a day's name, a time of day, or both mean; None for anything else."""
    if words == "now":
        return now
    first, _, rest = words.partition(" ")
    day, clock = (first, rest.strip()) if first in _DAYS else ("today", words)
    if first in _DAYS and not clock:
        return datetime.combine(_find_day(day, now), time())
    found = _CLOCK.fullmatch(clock)
    if found is None:
        return None
    return datetime.combine(_find_day(day, now), time(int(found[1]), int(found[2]), int(found[3] or 0)))


def _find_day(name: str, now: datetime) -> date:
    return now.astimezone().date() + timedelta(days=_DAYS[name])


def parse_future(text: str, now: datetime) -> datetime:
    """Return a moment after `now`; a time of day that is over today means tomorrow's. Raises `InvalidValue`."""
    found = parse_moment(text, now)
    if found <= now and _CLOCK.fullmatch(text.strip()):
        found = parse_moment(f"tomorrow {text.strip()}", now)
    if found <= now:
        raise errors.InvalidValue(f"this time is over already: {text.strip()}", hint=_MOMENT_HINT)
    return found


def parse_past(text: str, now: datetime) -> datetime:
    """Return a moment, or the one that lies an age such as `7d` before `now`; raises `InvalidValue`."""
    try:
        return parse_moment(text, now)
    except errors.InvalidValue:
        try:
            return now - timedelta(seconds=parse_duration(text))
        except (errors.InvalidValue, OverflowError) as exc:
            raise errors.InvalidValue(
                f"this is neither a time nor an age: {text}", hint="for example 2026-07-10, 2026-07-10T08:00+02:00, 7d"
            ) from exc
