"""How often a daemon may ask without anything new coming of it: an allowance each, which fills up again with time.

What brings something new is given back, so that a backlog of results or tasks passes at full speed; and a poll that is
answered from memory is not counted at all, for a refusal would cost as much.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from .errors import TooManyRequests
from .settings import Current

_FULL_MINUTES: Final = 10
"""An allowance that was not touched for so long is full."""
_KNOWN_MAX: Final = 20_000


class Allowances:
    """Keeps count in memory, of this replica alone; belongs to one event loop, whose clock `clock` is."""

    def __init__(self, current: Current, clock: Callable[[], float]) -> None:
        self._current, self._clock = current, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, daemon_id: str) -> None:
        """Count a request; raises `TooManyRequests`."""
        per_minute = self._current.settings.requests_per_minute
        if not per_minute:
            return
        left = self._measure(daemon_id, per_minute)
        if left < 1.0:
            refused = TooManyRequests(f"a daemon may ask {per_minute} times a minute with nothing new coming of it")
            refused.retry_after_seconds = math.ceil((1.0 - left) * 60.0 / per_minute)
            raise refused
        self._left[daemon_id] = (left - 1.0, self._clock())
        self._left.move_to_end(daemon_id)
        if len(self._left) > _KNOWN_MAX:
            self._left.popitem(last=False)

    def give_back(self, daemon_id: str) -> None:
        """Count it no more: something new came of it."""
        known = self._left.get(daemon_id)
        if known is not None:
            self._left[daemon_id] = (known[0] + 1.0, known[1])

    def _measure(self, daemon_id: str, per_minute: int) -> float:
        full, now = float(per_minute * _FULL_MINUTES), self._clock()
        left, at = self._left.get(daemon_id, (full, now))
        return min(full, left + (now - at) / 60.0 * per_minute)
