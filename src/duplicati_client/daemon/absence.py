"""What a failure means for a task, and a Duplicati server that cannot be worked with: since when, until when to wait.

One failure stands for all tasks of its server: a wrong password is not tried once a task.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum

from .. import errors
from .pace import Timing, Uniform
from .storage import Folder, write

GIVE_UP_SECONDS = 86_400.0
FAILING_SECONDS = 900.0
ANSWERS = (errors.NotFound, errors.Busy, errors.AmbiguousName, errors.ServerFailed)
"""What only a server says that can be worked with."""
_AWAY_SECONDS = (5.0, 300.0)
# A wrong password stays wrong until somebody has seen to it: three tries an hour, whatever waits.
_REFUSED_SECONDS = (60.0, 1800.0)
_SHORTEST_SHARE = 0.85
_CLAIM_SECONDS = 60.0
# A longer time between two starts is no time that has passed, but a clock that was set.
_LONGEST = timedelta(days=30)


class Trouble(Enum):
    """What a failure is about."""

    AWAY = "away"
    """The server is not there, or something else answers in its place."""
    REFUSED = "refused"
    """The server does not let this daemon in, or what it would be let in with cannot be read."""
    STORAGE = "storage"
    """This machine's disk."""
    FAILING = "failing"
    """This one request, perhaps not the next time."""
    FINAL = "final"
    """An answer: the task ends with it."""


_MEANINGS: tuple[tuple[type[errors.DuplicatiClientError], Trouble], ...] = (
    (errors.InputOutputFailed, Trouble.STORAGE),
    (errors.NotAllowed, Trouble.REFUSED),
    (errors.ConfigurationInvalid, Trouble.REFUSED),
    (errors.Unreachable, Trouble.AWAY),
    (errors.NotDuplicati, Trouble.AWAY),
    (errors.NotUnderstood, Trouble.FAILING),
    (errors.Overloaded, Trouble.FAILING),
)


def weigh(exc: errors.DuplicatiClientError, *, is_doubtful: bool) -> Trouble:
    """Say what a failure is about. What may have taken effect ends with no answer that does not tell."""
    found = next((trouble for kind, trouble in _MEANINGS if isinstance(exc, kind)), None)
    if found is not None:
        return found
    is_open = is_doubtful and isinstance(exc, errors.DatabaseLocked)
    return Trouble.FAILING if is_open else Trouble.FINAL


def back_off(count: int, span: tuple[float, float], uniform: Uniform) -> float:
    """Return the seconds before the next try after so many failures: doubled each time, half of it left to chance."""
    ceiling = min(span[1], span[0] * 2.0 ** min(count - 1, 10))
    return uniform(ceiling / 2, ceiling)


class Absence:
    """Whether a server can be worked with; the caller takes turns.

    Since when it cannot is kept in the state folder, so that rounds of cron add up; `folder` None keeps it nowhere.
    """

    def __init__(self, alias: str, folder: Folder | None, timing: Timing) -> None:
        self.failure: errors.DuplicatiClientError | None = None
        self.until = 0.0
        self._name, self._folder, self._timing = f"away-{alias}.json", folder, timing
        self._count = 0
        self._has_answered = self._is_claimed = False
        self._since: float | None = None
        self._is_kept = False
        self._kept_seconds = self._read()

    def note(self, failure: errors.DuplicatiClientError, *, is_refused: bool) -> None:
        """Take note of a failed try, and wait a longer time before the next."""
        at = self._timing.clock()
        if self.failure is None:
            self._since = at - self._kept_seconds
            self._keep()
        self.failure, self._is_claimed = failure, False
        self._count += 1
        if is_refused:
            seconds = _REFUSED_SECONDS[self._count > 1]
            self.until = at + self._timing.uniform(_SHORTEST_SHARE * seconds if self._count > 1 else seconds, seconds)
        else:
            self.until = at + back_off(self._count, _AWAY_SECONDS, self._timing.uniform)

    def end(self) -> bool:
        """Take note that it can be worked with; say whether that is news."""
        was_away, self.failure = self.failure is not None, None
        self.until, self._is_claimed, self._has_answered = 0.0, False, True
        self._count, self._kept_seconds, self._since = 0, 0.0, None
        if self._is_kept and self._folder is not None:
            with suppress(OSError):
                self._folder.remove(self._name)
                self._is_kept = False
        return was_away

    def claim(self) -> bool:
        """Let whoever calls be the only one to try a server of which is not known that it can be worked with: True."""
        if self.failure is not None or not self._has_answered:
            self._is_claimed, self.until = True, self._timing.clock() + _CLAIM_SECONDS
        return True

    def let_go(self) -> None:
        """Let others try where nothing came of a claim."""
        if self._is_claimed:
            self._is_claimed, self.until = False, 0.0

    def hurry(self) -> None:
        """Let the next try be now: somebody may have mended it."""
        self.until, self._count = 0.0, 0

    def is_barred(self) -> bool:
        """Say whether it is not worth a try yet, or somebody else tries it just now."""
        return self._timing.clock() < self.until

    def is_given_up(self, came_at: float) -> bool:
        """Say whether a task that came at that second has waited for it long enough."""
        return self._since is not None and self._timing.clock() - max(self._since, came_at) > GIVE_UP_SECONDS

    def _read(self) -> float:
        try:
            data = self._folder.read(self._name) if self._folder is not None else None
            self._is_kept = data is not None
            return passed_seconds(str(json.loads(data or b"{}").get("Since")), self._timing.now())
        except (OSError, ValueError, AttributeError):
            return 0.0

    def _keep(self) -> None:
        if self._is_kept or self._folder is None:
            return
        with suppress(OSError):
            since = self._timing.now().isoformat(timespec="seconds")
            write(self._folder, self._name, json.dumps({"Since": since}).encode())
            self._is_kept = True


def passed_seconds(then: str, now: datetime, longest: timedelta = _LONGEST) -> float:
    """Return the seconds since a time that was written down; 0 where a clock that was set is the likelier reason."""
    try:
        passed = now - datetime.fromisoformat(then)
    except (ValueError, TypeError):
        return 0.0
    return passed.total_seconds() if timedelta() < passed < longest else 0.0
