"""Follows a log through a task server: it is asked for again and again, and what is new of it is told."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ... import errors
from ...operations.logs import Break, LogLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..reach import Asked
    from .there import There

_FOLLOW_SECONDS = 5.0


def follow(there: There, asked: Asked) -> Iterator[LogLine | Break | None]:
    """Yield the lines there are, and None; then lines as they come, with None again and again.

    A daemon or task server that is away is waited for, and told by two `Break`s. Raises any failure before the first
    answer, and later what only somebody can mend.
    """
    lines: list[LogLine] = there.perform(asked)
    yield from lines
    yield None
    away: Break | None = None
    while True:
        there.clock.sleep(_FOLLOW_SECONDS)
        try:
            fresh: list[LogLine] = there.perform(asked)
        except errors.DatabaseLocked:  # while a task of the backup runs
            yield None
            continue
        except errors.DuplicatiClientError as exc:
            if not exc.is_retryable:
                raise
            if away is None:
                away = Break(datetime.now(UTC), exc.message)
                yield away
            yield None
            continue
        if away is not None:
            yield away._replace(away_seconds=(datetime.now(UTC) - away.since_at).total_seconds())
            away = None
        new = _find_new(lines, fresh)
        if lines and fresh and len(new) == len(fresh):
            yield Break(datetime.now(UTC), "more came than is shown at once", has_gap=True)
        yield from new
        yield None
        lines = fresh


def _find_new(known: list[LogLine], fresh: list[LogLine]) -> list[LogLine]:
    """Return the lines that were not there before; equal ones count as often as they are there."""
    before = Counter(map(_mark, known))
    new = []
    for line in fresh:
        if before[_mark(line)]:
            before[_mark(line)] -= 1
        else:
            new.append(line)
    return new


def _mark(line: LogLine) -> tuple[object, ...]:
    return line[:-1]
