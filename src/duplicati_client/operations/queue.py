"""A server's queue in the order in which it will be worked off, and the tasks that ended last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from .. import errors
from ..sdk.activity import ServerState, ServerTask
from ..sdk.client import Duplicati
from ..sdk.models import Backup

RUNNING, WAITING = "running", "waiting"
_ENDED, _FAILED = "ended", "failed"
# The server lists no past tasks, but answers for each of the last hundred by its number; listings use up numbers too.
_PAST_NUMBERS = 20
_PAST_TASKS = 10


class TaskSummary(NamedTuple):
    """A task; `status` is `running`, `waiting`, `failed` or `ended`, which is no success: see `outcome`.

    Of past tasks little is known: times from 2.2 on, and the backup only of the very last one.
    """

    task_id: int
    status: str
    operation: str | None
    backup_id: str | None
    backup_name: str | None
    started_at: datetime | None
    finished_at: datetime | None


def list_tasks(server: Duplicati) -> list[TaskSummary]:
    """Return the running task, the waiting ones in the order of the queue, and then the past ones, newest first."""
    backups = server.backups.list()
    queue = read_queue(server, server.state.get(), backups)
    return [*queue, *_read_past(server, queue, _name(backups))]


def read_queue(server: Duplicati, state: ServerState, backups: Sequence[Backup]) -> list[TaskSummary]:
    """Return the running task, then the waiting ones in the order of the queue."""
    names = _name(backups)
    backup_ids = {task.task_id: task.backup_id for task in (state.active, *state.waiting) if task is not None}
    running_id = state.active.task_id if state.active else None
    found = [
        # `tasks` calls all of them Running (2.3.1.0 control:30): the state tells which one is, from 2.2 on its start.
        _summarise(
            task,
            RUNNING if task.task_id == running_id or task.started_at is not None else WAITING,
            task.backup_id or backup_ids.get(task.task_id),
            names,
        )
        for task in server.tasks.list()
        if not task.has_ended
    ]
    return sorted(found, key=lambda task: task.status != RUNNING)


def _read_past(server: Duplicati, queue: Sequence[TaskSummary], names: Mapping[str, str]) -> Iterator[TaskSummary]:
    last = server.progress.get()
    known = {task.task_id for task in queue}
    newest = max(known | {last.task_id if last and last.task_id is not None else 0})
    found = 0
    for task_id in range(newest, max(0, newest - _PAST_NUMBERS), -1):
        task = None if task_id in known else _read_ended(server, task_id)
        if task is None:
            continue
        backup_id = last.backup_id if last and last.task_id == task_id else None
        status = _FAILED if task.status == "Failed" else _ENDED
        yield _summarise(task, status, task.backup_id or backup_id, names)
        found += 1
        if found == _PAST_TASKS:
            return


def _read_ended(server: Duplicati, task_id: int) -> ServerTask | None:
    try:
        task = server.tasks.get(task_id)
    except errors.TaskForgotten:
        return None
    return task if task.has_ended else None


def _summarise(task: ServerTask, status: str, backup_id: str | None, names: Mapping[str, str]) -> TaskSummary:
    return TaskSummary(
        task_id=task.task_id,
        status=status,
        operation=task.operation,
        backup_id=backup_id,
        backup_name=names.get(backup_id) if backup_id else None,
        started_at=task.started_at,
        finished_at=task.finished_at,
    )


def _name(backups: Sequence[Backup]) -> dict[str, str]:
    return {backup.backup_id: backup.name for backup in backups}
