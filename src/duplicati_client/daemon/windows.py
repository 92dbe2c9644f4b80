"""Times of the week by the clock on the wall, over midnight and through changes of summer time; asks no clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY_MINUTES = 24 * 60
_SHOWN_CHARACTERS = 40


class Span(NamedTuple):
    """A part of a day in minutes after midnight, `end` excluded; one that ends before it starts goes over midnight."""

    start: int
    end: int


class Window(NamedTuple):
    """Spans on some days. A span over midnight belongs to the day on which it starts."""

    days: frozenset[int]
    spans: tuple[Span, ...]

    def holds(self, local: datetime) -> bool:
        """Say whether a moment, in the zone of the window, lies within."""
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        return any(self._holds(span, minute, today, yesterday) for span in self.spans)

    def _holds(self, span: Span, minute: int, today: int, yesterday: int) -> bool:
        if span.start < span.end:
            return today in self.days and span.start <= minute < span.end
        return (today in self.days and minute >= span.start) or (yesterday in self.days and minute < span.end)

    def write(self) -> dict[str, list[str]]:
        """Return it as it is written in a policy, in one order."""
        days = [DAYS[day] for day in sorted(self.days)]
        return {"days": days, "hours": [f"{_write(span.start)}-{_write(span.end)}" for span in sorted(self.spans)]}


def read_days(texts: Sequence[str]) -> frozenset[int]:
    """Read days such as `mon` or `fri-mon`; raises `ValueError` with the words for a person."""
    return frozenset(day for text in texts for day in _read_days(text))


def read_spans(texts: Sequence[str]) -> tuple[Span, ...]:
    """Read hours such as `22:00-06:00`; raises `ValueError` with the words for a person."""
    return tuple(sorted({_read_span(text) for text in texts}))


WHOLE_DAY: Final = (Span(0, _DAY_MINUTES),)
WHOLE_WEEK: Final = frozenset(range(7))


def _read_days(text: str) -> list[int]:
    first, dash, last = text.strip().lower().partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"has {text[:_SHOWN_CHARACTERS]!a}, which is neither a day nor days: mon, tue … sun, mon-fri")
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % 7 + 1 if dash else 1
    return [(start + at) % 7 for at in range(count)]


def _read_span(text: str) -> Span:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"has {text[:_SHOWN_CHARACTERS]!a}, which is not written as 22:00-06:00")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if end > _DAY_MINUTES or start == end:
        raise ValueError(f"has {text!a}, which is no part of a day (the whole of it is 00:00-24:00)")
    return Span(start, end)


def _write(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
