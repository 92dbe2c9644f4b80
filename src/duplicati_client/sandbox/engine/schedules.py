"""When scheduled backups are due: rules of days, and the next moment after a given one."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..clock import YEAR_ONE
from .timespan import read_timespan

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_KEY = "AllowedWeekDays="


def rule_of_days(days: list[int]) -> str:
    """Return the stored rule for allowed days, in the order in which they were given; empty for none."""
    return _KEY + ",".join(_DAYS[day] for day in dict.fromkeys(days)) if days else ""


def days_of_rule(rule: str) -> list[int]:
    """Return the days a rule allows, 0 for Sunday; empty when it names none."""
    for part in rule.split(";"):
        if part.startswith(_KEY):
            return [_DAYS.index(name) for name in part[len(_KEY) :].split(",") if name in _DAYS]
    return []


def _is_allowed(moment: datetime, days: list[int]) -> bool:
    return not days or (moment.weekday() + 1) % 7 in days


def next_after(time_at: datetime, repeat: str, rule: str, now: datetime) -> datetime | None:
    """Return the first allowed moment after `now`, counting from `time_at`; None when the server gives up.

    From year 1 a daily or weekly repeat never reaches the present (2.3.1.0 control:114).
    """
    step = timedelta(seconds=read_timespan(repeat) or 0)
    if time_at == YEAR_ONE or not step:
        return None
    days = days_of_rule(rule)
    if time_at <= now:
        time_at += step * ((now - time_at) // step + 1)
    for _ in range(1000):
        if _is_allowed(time_at, days):
            return time_at
        time_at += step
    return None


def is_due(time_at: datetime, now: datetime) -> bool:
    """Say whether a stored time has come; year 1 never does."""
    return time_at != YEAR_ONE and time_at <= now
