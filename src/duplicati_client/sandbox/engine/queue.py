"""The tasks of one server run and the single queue they wait in; what a task does is not known here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..clock import with_offset, with_z
from .model import Backup

REMEMBERED_TASKS = 99


class Task:
    """One task: a copy of its backup from queuing time, its state, and what was asked of it while it ran."""

    def __init__(self, task_id: int, kind: str, backup: Backup | None, options: dict[str, Any]) -> None:
        self.task_id = task_id
        self.kind = kind
        self.backup = backup
        self.options = options
        self.status = "Waiting"
        self.started_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.error_message: str | None = None
        self.exception: str | None = None
        self.is_stop_requested = False
        self.is_abort_requested = False
        self.abort_due_at: datetime | None = None
        self.is_in_utc = False
        self.has_stumbled = False

    @property
    def backup_id(self) -> str | None:
        """Return the id of the task's backup; None for tasks without one."""
        return self.backup.backup_id if self.backup else None

    def _started(self) -> str | None:
        if self.started_at is None:
            return None
        return with_z(self.started_at) if self.is_in_utc else with_offset(self.started_at)

    def as_dict(self, *, status: str | None = None) -> dict[str, Any]:
        """Return the task object of 2.2 and later; `status` overrides, because lists call waiting tasks running."""
        return {
            "Status": status or self.status,
            "ID": self.task_id,
            "TaskStarted": self._started(),
            "TaskFinished": with_offset(self.finished_at) if self.finished_at else None,
            "ErrorMessage": self.error_message,
            "Exception": self.exception,
        }


class TaskQueue:
    """The running task, the waiting ones and the memory of the finished ones; lost with the server."""

    def __init__(self) -> None:
        self.active: Task | None = None
        self.waiting: list[Task] = []
        self._finished: dict[int, Task] = {}
        self._last_id = 1

    def next_id(self) -> int:
        """Use up a task number; the first is 2, and listings use up numbers too."""
        self._last_id += 1
        return self._last_id

    def put(self, task: Task, *, is_first: bool) -> None:
        """Let a task wait, before all others or behind them."""
        if is_first:
            self.waiting.insert(0, task)
        else:
            self.waiting.append(task)

    def take(self) -> Task:
        """Make the first waiting task the running one."""
        self.active = self.waiting.pop(0)
        return self.active

    def remember(self, task: Task) -> None:
        """Keep a task's end; only the latest 99 are kept."""
        self._finished[task.task_id] = task
        while len(self._finished) > REMEMBERED_TASKS:
            del self._finished[next(iter(self._finished))]

    def live(self) -> list[Task]:
        """Return the running task and the waiting ones in order."""
        return [*([self.active] if self.active else []), *self.waiting]

    def of_backup(self, backup_id: str) -> Iterator[Task]:
        """Yield the running and waiting tasks of a backup."""
        return (task for task in self.live() if task.backup_id == backup_id)

    def find(self, task_id: int) -> Task | None:
        """Return a task that runs, waits or is remembered."""
        for task in self.live():
            if task.task_id == task_id:
                return task
        return self._finished.get(task_id)
