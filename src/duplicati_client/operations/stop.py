"""Stop or abort what runs, and say what is true afterwards."""

from __future__ import annotations

from typing import NamedTuple

from .. import errors
from ..sdk.activity import ServerState
from ..sdk.client import Duplicati
from .selection import select_backup


class Asked(NamedTuple):
    """What was asked of which task, and what the server says of it now; `is_waiting` means that nothing was done."""

    task_id: int
    verb: str
    status: str
    is_waiting: bool


def stop(server: Duplicati, selector: str | None) -> Asked:
    """Ask for an orderly end of a task by number, of a backup's task, or (None) of what runs."""
    return _ask(server, selector, "stop")


def abort(server: Duplicati, selector: str | None) -> Asked:
    """Ask for a hard end; what was uploaded stays, the run counts as interrupted."""
    return _ask(server, selector, "abort")


def _ask(server: Duplicati, selector: str | None, verb: str) -> Asked:
    state = server.state.get()
    task_id = _find_task(server, state, selector)
    is_waiting = any(task.task_id == task_id for task in state.waiting)
    if is_waiting:
        # The server would answer as if it had done it (2.3.1.0 control:36, 90).
        raise errors.Busy(
            f"task {task_id} has not begun, and a waiting task cannot be taken out of the queue",
            hint="pause the server and stop the task when it begins, or restart the server, which empties its queue",
        )
    if verb == "stop":
        server.tasks.stop(task_id)
    else:
        server.tasks.abort(task_id)
    task = server.tasks.get(task_id)
    return Asked(task_id, verb, task.status, is_waiting)


def _find_task(server: Duplicati, state: ServerState, selector: str | None) -> int:
    if selector is None:
        if state.active is None:
            raise errors.TaskForgotten("nothing runs")
        return state.active.task_id
    queued = [task.task_id for task in (state.active, *state.waiting) if task is not None]
    for task_id in queued:
        if selector == str(task_id):
            return task_id
    return _find_task_of_backup(server, state, selector)


def _find_task_of_backup(server: Duplicati, state: ServerState, selector: str) -> int:
    try:
        backup = select_backup(server.backups.list(), selector)
    except errors.BackupNotFound:
        if selector.isascii() and selector.isdigit():
            raise errors.TaskForgotten(f"task {selector} neither runs nor waits") from None
        raise
    for task in (state.active, *state.waiting):
        if task is not None and task.backup_id == backup.backup_id:
            return task.task_id
    raise errors.TaskForgotten(f"nothing of the backup “{backup.name}” runs or waits")
