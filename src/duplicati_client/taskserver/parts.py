"""What the routes work with, put together by `app`."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .allowances import Allowances
from .attention import Attentions
from .guesses import Guesses
from .identity import Identities
from .operators import Operators
from .presence import Presence
from .settings import Current
from .store.interface import Store

_POLLS_PER_SECOND = 50


class Counts(NamedTuple):
    """What is counted for metrics."""

    polls: Counter[str]
    results: Counter[str]
    refusals: Counter[str]


class Pace:
    """How often daemons shall poll: the more there are, the more slowly."""

    def __init__(self) -> None:
        self.seconds = 10
        self._daemons_count = 0

    def adjust(self, least_seconds: int, daemons_count: int | None = None) -> None:
        """Let so many daemons, or as many as before, poll as often as they may: fifty times a second together."""
        self._daemons_count = self._daemons_count if daemons_count is None else daemons_count
        self.seconds = max(least_seconds, -(-self._daemons_count // _POLLS_PER_SECOND))


class Parts(NamedTuple):
    """All of them."""

    store: Store
    attentions: Attentions
    identities: Identities
    operators: Operators
    presence: Presence
    pace: Pace
    counts: Counts
    current: Current
    allowances: Allowances
    guesses: Guesses

    @property
    def epoch(self) -> str:
        """The store's."""
        return self.current.epoch
