"""What is to be sent and in which order: each thing once, what has failed behind what was not tried; sends nothing."""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import IntEnum

_ROW_COUNT = 3

AnswerName = tuple[object, ...]
Name = str | AnswerName
"""The key of a task, or what an answer is known by that no task stands for."""


class Rank(IntEnum):
    """What comes before what: after a restart much is only said again, and no end of a task may wait for that."""

    END = 0
    ANSWER = 1
    REST = 2


class Agenda:
    """Names of what is to be sent, each with a time before which it is not taken.

    Of one rank they come in their order. What was put off comes after everything else: a thing that the other side
    never takes must not keep the others waiting.
    """

    def __init__(self) -> None:
        self._ranks: dict[Name, Rank] = {}
        self._lines: dict[Rank, OrderedDict[Name, float]] = {rank: OrderedDict() for rank in Rank}
        self._behind: OrderedDict[Name, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ranks)

    @property
    def due_at(self) -> float:
        """Return from when on there is something to take."""
        return min(self._fresh_at(), min(self._behind.values(), default=math.inf))

    def has_fresh(self, at: float) -> bool:
        """Say whether something can be taken that was not put off."""
        return self._fresh_at() <= at

    def has_work(self, at: float) -> bool:
        """Say whether something can be taken now, or soon, for what was not put off waits a moment only."""
        return len(self._behind) < len(self) or self.due_at <= at

    def add(self, name: Name, rank: Rank, due_at: float = 0.0) -> bool:
        """Put it behind the others of its rank and say so; one that is there keeps its place, unless it rises."""
        is_news = self._ranks.get(name, math.inf) > rank
        if is_news:
            self.remove(name)
            self._ranks[name], self._lines[rank][name] = rank, due_at
        return is_news

    def put_off(self, name: Name, rank: Rank, due_at: float) -> None:
        """Put it behind everything."""
        self.remove(name)
        self._ranks[name], self._behind[name] = rank, due_at

    def take(self, at: float) -> Name | None:
        """Take the first that is due, None if there is none."""
        firsts = [next(iter(line.items()), (None, math.inf)) for line in self._lines.values()]
        late = ((name, due_at) for name, due_at in self._behind.items() if due_at <= at)
        name = next((name for name, due_at in firsts if due_at <= at), None) or next(late, (None,))[0]
        if name is not None:
            self.remove(name)
        return name

    def remove(self, name: Name) -> None:
        """Take one out if it is there."""
        rank = self._ranks.pop(name, None)
        if rank is not None:
            self._lines[rank].pop(name, None)
            self._behind.pop(name, None)

    def _fresh_at(self) -> float:
        return min(next(iter(line.values()), math.inf) for line in self._lines.values())


class Blame:
    """Tells a task server that is away from one thing that it chokes on: where others get through, it is the thing."""

    def __init__(self) -> None:
        self._taken_count = 0
        self._row: set[Name] = set()
        self._failed: dict[Name, tuple[int, int]] = {}

    def note_taken(self, name: Name) -> None:
        """Take note that something has got through."""
        self._taken_count += 1
        self._row.clear()
        self.forget(name)

    def note_failure(self, name: Name) -> int:
        """Return how often this one has failed although others got through; 0 where it may be the task server."""
        count, taken_count = self._failed.get(name, (0, self._taken_count))
        if count or taken_count < self._taken_count:
            count += 1
        else:
            self._row.add(name)
        self._failed[name] = count, taken_count
        return count

    def forget(self, name: Name) -> None:
        """Take note that it is not to be sent any more."""
        self._failed.pop(name, None)
        self._row.discard(name)

    def is_on_the_server(self) -> bool:
        """Say whether so many have failed in a row that no other need be tried."""
        return len(self._row) >= _ROW_COUNT
