"""When to try again: backoff with jitter, an hour's slow lane, and clocks that know of a suspended machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from .answers import Away, CredentialRefused, InstanceConflict, LinkFailed, NotTaken
from .threads import THREADS, Threads

FIRST_SECONDS_MAX: Final = 30.0
BACKOFF_SECONDS_MAX: Final = 60.0
SLOW_LANE_SECONDS: Final = 3600.0
SETTLE_SECONDS: Final = 30.0
"""How long a request of a process that has died may still be on its way."""
_BASE_SECONDS = 2.0
_CREDENTIAL_SECONDS = 60.0
_CREDENTIAL_SECONDS_MAX = 900.0

Uniform = Callable[[float, float], float]
"""Draws a number between two, as `random.uniform` does."""


class Timing(NamedTuple):
    """Clocks, chance and threads: `clock` counts seconds over sleep, `server_now` is the task server's time."""

    now: Callable[[], datetime]
    server_now: Callable[[], datetime]
    clock: Callable[[], float]
    uniform: Uniform
    settle_seconds: float = SETTLE_SECONDS
    threads: Threads = THREADS


class Pace:
    """Says how long to wait after each failure. For one line of requests; used by one thread."""

    def __init__(self, uniform: Uniform, interval_seconds: float = FIRST_SECONDS_MAX) -> None:
        """`interval_seconds` is how often one asks while all is well; it may be changed by the task server."""
        self.interval_seconds = interval_seconds
        self._uniform = uniform
        self._failures_count = 0
        self._kind: type[LinkFailed] | None = None

    def succeed(self) -> None:
        """Start over: an answer came that could be understood."""
        self._failures_count = 0

    def fail(self, failure: LinkFailed) -> float:
        """Return the seconds to wait before the next try."""
        kind = _kind_of(failure)
        if kind is not self._kind:
            self._kind, self._failures_count = kind, 0
        self._failures_count += 1
        if kind is NotTaken:
            return self._uniform(0.9, 1.0) * SLOW_LANE_SECONDS
        if kind is CredentialRefused:
            ceiling = min(_CREDENTIAL_SECONDS * 2.0 ** min(self._failures_count - 1, 10), _CREDENTIAL_SECONDS_MAX)
            return self._uniform(max(_CREDENTIAL_SECONDS, 0.8 * ceiling), ceiling)
        wait_seconds = self._back_off()
        asked_seconds = failure.retry_after_seconds if isinstance(failure, Away) else None
        if asked_seconds is None:
            return wait_seconds
        # A whole fleet may have been told the same.
        return max(wait_seconds, asked_seconds + self._uniform(0.0, min(asked_seconds, FIRST_SECONDS_MAX)))

    def hold(self, count: int, asked_seconds: float | None) -> float:
        """Return the seconds before one thing is tried again that has failed so often although others did not."""
        ceiling = min(BACKOFF_SECONDS_MAX * 2.0 ** min(count - 1, 10), SLOW_LANE_SECONDS)
        return max(self._uniform(0.9, 1.0) * ceiling, asked_seconds or 0.0)

    def _back_off(self) -> float:
        """Full jitter, the first retry as well: when a server goes, all its daemons notice in the same second.

        The time doubles from two seconds, or from the interval: a fleet that is asked to poll rarely would otherwise
        knock more often at a server that restarts than at a healthy one.
        """
        if self._failures_count == 1:
            return self._uniform(0.0, min(FIRST_SECONDS_MAX, max(1.0, self.interval_seconds)))
        ceiling = max(_BASE_SECONDS * 2.0 ** min(self._failures_count - 1, 10), self.interval_seconds)
        return self._uniform(0.0, min(ceiling, BACKOFF_SECONDS_MAX))


def _kind_of(failure: LinkFailed) -> type[LinkFailed]:
    if isinstance(failure, NotTaken):
        return NotTaken
    # Two machines with one identity are for an operator to part, like a token: asked after slowly.
    return CredentialRefused if isinstance(failure, CredentialRefused | InstanceConflict) else LinkFailed


def boot_seconds() -> float:
    """Return seconds that also pass while the machine sleeps, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Gaps:
    """Notices that the machine slept, or that this process was halted, since somebody last looked."""

    def __init__(self, boot: Callable[[], float] = boot_seconds, awake: Callable[[], float] = time.monotonic) -> None:
        """`boot` counts sleep too, `awake` does not."""
        self._boot = boot
        self._awake = awake
        self._seen = boot(), awake()
        self._ticked_at: float | None = None
        self._halted_seconds = 0.0

    def tick(self) -> None:
        """Note that this process runs, which one thread does each few seconds: where none does, no halt is noticed."""
        self._halted_seconds, self._ticked_at = max(self._halted_seconds, self._since_tick()), self._boot()

    def find_seconds(self) -> float:
        """Return how long nothing ran here since the last call."""
        found, self._seen, self._halted_seconds = self.peek_seconds(), (self._boot(), self._awake()), 0.0
        if self._ticked_at is not None:
            self._ticked_at = self._boot()
        return found

    def peek_seconds(self) -> float:
        """Return the same, and let the next call tell of it as well."""
        slept_seconds = (self._boot() - self._seen[0]) - (self._awake() - self._seen[1])
        return max(0.0, slept_seconds, self._halted_seconds, self._since_tick())

    def _since_tick(self) -> float:
        return 0.0 if self._ticked_at is None else self._boot() - self._ticked_at


def wait(
    hold: Callable[[float], object],
    seconds: float,
    *,
    boot: Callable[[], float] = boot_seconds,
    slice_seconds: float = 5.0,
) -> None:
    """Wait in slices, so that a time that ended while the machine slept is not waited for once more.

    `hold` waits for seconds and returns something true to end it early, as `Event.wait` does.
    """
    ends_at = boot() + seconds
    while (left := ends_at - boot()) > 0:
        if hold(min(left, slice_seconds)):
            return
