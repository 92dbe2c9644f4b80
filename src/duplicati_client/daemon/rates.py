"""How many tasks were accepted lately, for the limits of the policy: counted over restarts, by limit and key."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .policy import COUNT_MAX, SECONDS, Question
from .storage import Folder, Log, write

FILE = "accepted.yml"
KEPT_COUNT = 2 * COUNT_MAX
_LONGEST = timedelta(seconds=max(SECONDS.values()))


class Accepted(NamedTuple):
    """One task that was accepted, as a limit counts it."""

    at: datetime
    limit: str
    key: str


class Rates:
    """Counts. One thread notes, any may ask. What is older than a day is forgotten, and nothing else.

    At `KEPT_COUNT` every limit counts as reached: to forget would be to allow more than the owner does.
    """

    def __init__(self, folder: Folder, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now
        self._log: Log | None = None
        self._lines_count = 0
        self._kept_count = 0
        self._seen: dict[tuple[str, str], deque[datetime]] = {}
        for one in _read(folder):
            self._add(one)
        self._forget()

    def count(self, question: Question) -> int:
        """Return how many were accepted. A clock that was set back must not let more through, so the future counts."""
        now = self._now()
        if self._kept_count >= KEPT_COUNT and self._count_since(now - _LONGEST) >= KEPT_COUNT:
            return KEPT_COUNT
        since = now - timedelta(seconds=question.seconds)
        return sum(at > since for at in tuple(self._seen.get((question.limit, question.key), ())))

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
            self._add(one)

    def _add(self, one: Accepted) -> None:
        self._seen.setdefault((one.limit, one.key), deque()).append(one.at)
        self._kept_count += 1

    def _count_since(self, since: datetime) -> int:
        return sum(at > since for times in list(self._seen.values()) for at in tuple(times))

    def _forget(self) -> None:
        """Let go of what no limit asks for any more."""
        since = self._now() - _LONGEST
        kept = {name: deque(at for at in times if at > since) for name, times in self._seen.items()}
        self._seen = {name: times for name, times in kept.items() if times}
        self._kept_count = sum(map(len, self._seen.values()))

    def _write_anew(self) -> Log:
        self._forget()
        kept = [Accepted(at, *name) for name, times in self._seen.items() for at in times]
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
