"""How long a server that is away is waited for, in the middle of something worth waiting for."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from .. import errors

Found = TypeVar("Found")

# How long a server may be away (restart, network) before following ends with an error.
AWAY_SECONDS = 600.0
# A failure or a proxy's page may be gone a moment later; one that stays has no answer to this question.
_FAILURE_SECONDS = 15.0


def patience_seconds(exc: errors.DuplicatiClientError) -> float:
    """Say how long a failure is worth sitting out; 0 for one that only somebody can mend."""
    if isinstance(exc, errors.NotUnderstood):
        return _FAILURE_SECONDS
    return AWAY_SECONDS if exc.is_retryable else 0.0


class Patience:
    """Repeats readings by a clock (monotonic seconds) and a way to sleep."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.clock = clock
        self.sleep = sleep

    def read(self, read: Callable[[], Found]) -> Generator[None, None, Found]:
        """Repeat a reading while the server is away; None at each try, for the caller may stop waiting."""
        started_at = self.clock()
        while True:
            try:
                return read()
            except errors.DatabaseLocked:
                raise
            except errors.DuplicatiClientError as exc:
                if self.clock() - started_at >= patience_seconds(exc):
                    raise
                self.sleep(1.0)
                yield None
