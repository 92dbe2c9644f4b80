"""How many tasks were accepted lately, for the limits of the policy: counted over restarts, by limit and key."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .policy import COUNT_MAX, SECONDS, Question
from .storage import Folder, Log, write

FILE = "accepted.yml"
KEPT_COUNT = 2 * COUNT_MAX
_LONGEST_SECONDS = max(SECONDS.values())
# What an earlier process has accepted is known by the time of day alone.
_LONG_AGO = -math.inf


class Accepted(NamedTuple):
    """One task that was accepted, as a limit counts it."""

    at: datetime
    limit: str
    key: str


class _Moment(NamedTuple):
    """A time by the clock on the wall, and in seconds of one that nobody sets."""

    at: datetime
    seconds: float

    def is_after(self, other: _Moment) -> bool:
        """Say whether it is the later one by either of them."""
        return self.at > other.at or self.seconds > other.seconds


class Rates:
    """Counts. One thread notes, any may ask. What is older than a day is forgotten, and nothing else.

    At `KEPT_COUNT` every limit counts as reached: to forget would be to allow more than the owner does.
    """

    def __init__(self, folder: Folder, now: Callable[[], datetime], clock: Callable[[], float]) -> None:
        """`clock` counts seconds over sleep, and nobody sets it."""
        self._folder = folder
        self._now, self._clock = now, clock
        self._log: Log | None = None
        self._lines_count = 0
        self._kept_count = 0
        self._seen: dict[tuple[str, str], deque[_Moment]] = {}
        for one in _read(folder):
            self._add(one, _LONG_AGO)
        self._forget()

    def count(self, question: Question) -> int:
        """Return how many were accepted. A clock that was set must not let more through.

        So what is within the time by either clock counts, and the future does.
        """
        if self._kept_count >= KEPT_COUNT and self._count_lately() >= KEPT_COUNT:
            return KEPT_COUNT
        since = self._before_now(question.seconds)
        return sum(moment.is_after(since) for moment in tuple(self._seen.get((question.limit, question.key), ())))

    def note(self, questions: Iterable[Question]) -> None:
        """Remember that a task was accepted that counts for these; raises `OSError`."""
        at = self._now()
        new = [Accepted(at, question.limit, question.key) for question in questions]
        if not new:
            return
        if self._kept_count >= KEPT_COUNT:
            self._forget()
        log, self._log = self._log or self._write_anew(), None
        if self._lines_count > 2 * KEPT_COUNT:
            log.close()
            log = self._write_anew()
        try:
            log.append(b"".join(map(_write_line, new)))
            log.sync()
        except OSError:  # what stands in the file now is not known, so the next one writes another
            log.close()
            raise
        self._log = log
        self._lines_count += len(new)
        for one in new:
            self._add(one, self._clock())

    def _add(self, one: Accepted, seconds: float) -> None:
        self._seen.setdefault((one.limit, one.key), deque()).append(_Moment(one.at, seconds))
        self._kept_count += 1

    def _before_now(self, seconds: float) -> _Moment:
        return _Moment(self._now() - timedelta(seconds=seconds), self._clock() - seconds)

    def _count_lately(self) -> int:
        since = self._before_now(_LONGEST_SECONDS)
        return sum(moment.is_after(since) for times in list(self._seen.values()) for moment in tuple(times))

    def _forget(self) -> None:
        """Let go of what no limit asks for any more."""
        since = self._before_now(_LONGEST_SECONDS)
        kept = {name: deque(one for one in times if one.is_after(since)) for name, times in self._seen.items()}
        self._seen = {name: times for name, times in kept.items() if times}
        self._kept_count = sum(map(len, self._seen.values()))

    def _write_anew(self) -> Log:
        self._forget()
        kept = [Accepted(one.at, *name) for name, times in self._seen.items() for one in times]
        write(self._folder, FILE, b"".join(map(_write_line, kept)))
        self._lines_count = len(kept)
        return self._folder.open_log(FILE)


def _write_line(one: Accepted) -> bytes:
    members = {"At": one.at.isoformat(), "Limit": one.limit, "Key": one.key}
    return b"- " + json.dumps(members, ensure_ascii=True).encode("ascii") + b"\n"


def _read(folder: Folder) -> Iterator[Accepted]:
    """Read what is kept; a damaged line counts for nothing."""
    for line in (folder.read(FILE) or b"").split(b"\n"):
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            value: Any = json.loads(line.removeprefix(b"- "))
            at = datetime.fromisoformat(value["At"])
            if at.tzinfo is not None:
                yield Accepted(at, str(value["Limit"]), str(value["Key"]))
