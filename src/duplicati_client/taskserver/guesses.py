"""How long who guesses has to wait: a delay that doubles up to five minutes, so that nobody is locked out.

Failed logins are counted in the store, for passwords are short. Wrong enrolment codes are counted here, in the memory
of this replica: a code has 256 bits, so a right one is let in at once even from a network that has to wait.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from .errors import TooManyCodes
from .origin import name_site

WITHIN: Final = timedelta(minutes=15)
"""How long a failure counts."""
NETWORK_FREE_COUNT: Final = 20
_DELAY_MAX_SECONDS: Final = 300
_KNOWN_MAX: Final = 10_000


def find_delay(failures_count: int, free_count: int) -> float:
    """Return the seconds that have to pass after the last of so many failures."""
    excess = failures_count - free_count
    return min(2.0 ** min(excess, 20), _DELAY_MAX_SECONDS) if excess >= 0 else 0.0


class Guesses:
    """Counts wrong codes by the network that they come from; belongs to one event loop, whose clock `clock` is."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def note(self, address: str) -> None:
        """Count a wrong code; raises `TooManyCodes` for one before the delay is over, which is not counted."""
        site, now = name_site(address), self._clock()
        count, last_at = self._failed.get(site, (0, now))
        if now - last_at >= WITHIN.total_seconds():
            count = 0
        left = find_delay(count, NETWORK_FREE_COUNT) - (now - last_at)
        if left > 0:
            refused = TooManyCodes(f"too many wrong codes; try again in {math.ceil(left)} s")
            refused.retry_after_seconds = math.ceil(left)
            raise refused
        self._failed[site] = (count + 1, now)
        self._failed.move_to_end(site)
        if len(self._failed) > _KNOWN_MAX:
            self._failed.popitem(last=False)
