"""A task on its way through a worker: which lane it takes, what it waits for, whose backups it is about."""

from __future__ import annotations

from ..operations.perform import FOLLOWED
from ..protocol.catalogue import CATALOGUE, Effect
from ..protocol.task import Task
from ..sdk.activity import Progress
from .heartbeat import Running
from .intake import id_of

RESULTS_BYTES_MAX = 16 * 1024 * 1024
"""Of a journal's open tasks: results wait in it, and in memory, until the task server takes them."""
# Times come without anybody saying so.
_LOOK_SECONDS, _LOOK_SECONDS_MAX, _NOTHING_SECONDS = 1.0, 10.0, 30.0
_LOOKED_AT_A_SECOND = 100
LANES = LONG, QUICK, WATCHING = "long", "quick", "watching"


class Job:
    """A task that is not over. `came_at` and `doubt_since` are seconds of the worker's clock.

    `has_died`: a process has died with it begun, and that is not counted yet. `leader` is the one whose run stands for
    it. `failing_since` is when the server began to fail at it, and at nothing else perhaps.
    """

    def __init__(self, key: str, task: Task, *, came_at: float, doubt_since: float, has_died: bool) -> None:
        self.key, self.task = key, task
        self.came_at, self.doubt_since, self.has_died = came_at, doubt_since, has_died
        self.lane = LONG if task.operation in FOLLOWED else WATCHING if task.operation == "watch" else QUICK
        known = CATALOGUE.get(task.operation)
        self.is_read = known is not None and known.effect is Effect.READ
        self.backups = _name_backups(task)
        self.kinds = frozenset(kind for kind, _ in self.backups)
        self.state = "waiting"
        self.progress: Progress | None = None
        self.retry_at = 0.0
        self.failing_since: float | None = None
        self.failures_count = 0
        self.is_active = self.is_cancelled = self.may_stop = False
        self.leader: str | None = None

    def shares_backup(self, other: Job) -> bool:
        """Say whether two may be about one backup."""
        return Backups(other).has_one_of(self)

    def is_like(self, other: Job) -> bool:
        """Say whether one run would do for both."""
        mine, others = self.task, other.task
        is_same = (mine.resources, mine.parameters) == (others.resources, others.parameters)
        return mine.operation == others.operation == "run" and is_same

    def take_death(self) -> bool:
        """Say whether a process has died with it begun; once."""
        has_died, self.has_died = self.has_died, False
        return has_died

    def describe(self, state: str) -> Running:
        """Return how far it is."""
        progress = self.progress
        if progress is None:
            return Running(id_of(self.key), state)
        return Running(id_of(self.key), state, progress.phase, progress.fraction, progress.bytes_done)


class Backups:
    """The backups that tasks are about; a name may be anybody's id."""

    def __init__(self, *jobs: Job) -> None:
        self._named: set[tuple[str, str]] = set()
        self._kinds: set[str] = set()
        self.add(*jobs)

    def add(self, *jobs: Job) -> None:
        """Take in those of further tasks."""
        for job in jobs:
            self._named |= job.backups
            self._kinds |= job.kinds

    def has_one_of(self, job: Job) -> bool:
        """Say whether a task may be about one of them."""
        if not self._kinds or not job.backups:
            return False
        return len(self._kinds | job.kinds) > 1 or not self._named.isdisjoint(job.backups)


def look_seconds(count: int) -> float:
    """Return how long to wait before so many tasks are looked at again: the more there are, the longer that takes."""
    return min(max(_LOOK_SECONDS, count / _LOOKED_AT_A_SECOND), _LOOK_SECONDS_MAX) if count else _NOTHING_SECONDS


def _name_backups(task: Task) -> frozenset[tuple[str, str]]:
    named = [resource for resource in task.resources if resource.kind == "backup"]
    ids = {("id", one.resource_id) for one in named if one.resource_id is not None}
    return frozenset(ids | {("name", one.name.casefold()) for one in named if one.name is not None})
