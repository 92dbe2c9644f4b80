"""Stop or abort a task: find the one that is meant, ask, and say what the server does with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .. import errors
from ..sdk.activity import Progress, QueuedTask, ServerState, ServerTask
from ..sdk.client import Duplicati
from ..sdk.models import Backup
from .selection import select_backup

_LOOK_SECONDS = 0.5
# Nothing is read any more in these, so that a stop changes nothing (2.3.0.4 control-late-stop:64).
_PHASES_AFTER_READING = (
    "Backup_Finalize",
    "Backup_WaitForUpload",
    "Backup_Delete",
    "Backup_Compact",
    "Backup_VerificationUpload",
    "Backup_PostBackupVerify",
    "Backup_PostBackupTest",
    "Backup_RemoteSynchronization",
    "Backup_Complete",
)


class Target(NamedTuple):
    """Which task is meant: `kind` is task, backup or None for either; no selector means what runs."""

    selector: str | None = None
    kind: str | None = None


class Asked(NamedTuple):
    """What was asked of which task, and what the server says of it after a short watch.

    `status` is the server's word, `phase` what the task does now. `is_too_late` says that all files were read before a
    stop, which then changes nothing; `is_server_paused` that halted transfers may keep the task from ending.
    """

    task_id: int
    verb: str
    backup_id: str | None
    backup_name: str | None
    status: str
    has_ended: bool
    phase: str | None
    is_too_late: bool
    is_server_paused: bool


class Watching(NamedTuple):
    """How long a task is watched after it was asked to end, and what waits meanwhile."""

    seconds: float = 4.0
    sleep: Callable[[float], None] = time.sleep


WHAT_RUNS = Target()
SHORTLY = Watching()


def stop(server: Duplicati, target: Target = WHAT_RUNS, watching: Watching = SHORTLY) -> Asked:
    """Ask for an orderly end; raises `Busy` for a task that waits, `TaskForgotten` for one that has ended."""
    return _ask(server, target, "stop", watching)


def abort(server: Duplicati, target: Target = WHAT_RUNS, watching: Watching = SHORTLY) -> Asked:
    """Ask for a hard end; what was uploaded stays, the run counts as interrupted. Raises as `stop` does."""
    return _ask(server, target, "abort", watching)


def _ask(server: Duplicati, target: Target, verb: str, watching: Watching) -> Asked:
    state, backups = server.state.get(), server.backups.list()
    found = _find_task(server, state, backups, target)
    if found in state.waiting:
        raise _refuse_waiting(found.task_id)
    before = _read_progress(server, found.task_id)
    if verb == "stop":
        server.tasks.stop(found.task_id)
    else:
        server.tasks.abort(found.task_id)
    task = _watch(server, found.task_id, watching)
    has_ended = task is None or task.has_ended
    now = None if has_ended else _read_progress(server, found.task_id)
    return Asked(
        task_id=found.task_id,
        verb=verb,
        backup_id=found.backup_id,
        backup_name=next((backup.name for backup in backups if backup.backup_id == found.backup_id), None),
        status=task.status if task else "",
        has_ended=has_ended,
        phase=now.phase if now else None,
        is_too_late=verb == "stop" and before is not None and _is_all_read(before),
        is_server_paused=state.is_paused,
    )


def _refuse_waiting(task_id: int) -> errors.Busy:
    # The server would answer as if it had done it (2.3.1.0 control:36, 90).
    return errors.Busy(
        f"task {task_id} has not begun, and no server can take a waiting task out of its queue",
        hint=f"end it when its turn has come (duplicati stop task {task_id}); a restart empties the whole queue",
    )


def _find_task(server: Duplicati, state: ServerState, backups: Sequence[Backup], target: Target) -> QueuedTask:
    if target.selector is None:
        if state.active is None:
            raise errors.TaskForgotten("nothing runs")
        return state.active
    queued = [task for task in (state.active, *state.waiting) if task is not None]
    by_number = [task for task in queued if str(task.task_id) == target.selector and target.kind != "backup"]
    by_id = [task for task in queued if task.backup_id == target.selector and target.kind != "task"]
    if by_number and by_id and by_number[0] not in by_id:
        raise errors.AmbiguousName(
            f"{target.selector} is the number of a task, and of a backup that runs as task {by_id[0].task_id}",
            hint=f"say which one: stop task {target.selector}, or stop backup {target.selector}",
        )
    if by_number:
        return by_number[0]
    if target.kind == "task":
        return _find_unlisted(server, target.selector)
    return _find_of_backup(server, queued, backups, target)


def _find_of_backup(
    server: Duplicati, queued: Sequence[QueuedTask], backups: Sequence[Backup], target: Target
) -> QueuedTask:
    selector = target.selector or ""
    try:
        backup = select_backup(backups, selector)
    except errors.BackupNotFound:
        if target.kind is None and selector.isascii() and selector.isdigit():
            return _find_unlisted(server, selector)
        raise
    for task in queued:
        if task.backup_id == backup.backup_id:
            return task
    raise errors.TaskForgotten(f"nothing of the backup “{backup.name}” runs or waits")


def _find_unlisted(server: Duplicati, number: str) -> QueuedTask:
    """Find a task that the state does not name: one without a backup, one that began just now, or one that ended."""
    task = _read_task(server, int(number)) if len(number) <= 18 and number == str(int(number)) else None
    if task is None:
        raise errors.TaskForgotten(f"task {number} neither runs nor waits")
    if task.status == "Waiting":
        raise _refuse_waiting(task.task_id)
    if task.has_ended:
        raise errors.TaskForgotten(
            f"task {number} has ended already", hint="duplicati list backups, to see how the last runs went"
        )
    return QueuedTask(task.task_id, task.backup_id)


def _watch(server: Duplicati, task_id: int, watching: Watching) -> ServerTask | None:
    """Return the task when it has ended or the time is up, None if the server no longer knows it."""
    task = _read_task(server, task_id)
    for _ in range(int(watching.seconds / _LOOK_SECONDS)):
        if task is not None and task.has_ended:
            break
        watching.sleep(_LOOK_SECONDS)
        # Between queue and memory a task is nowhere for a moment: only the second look that finds none counts.
        is_gone, task = task is None, _read_task(server, task_id)
        if is_gone and task is None:
            break
    return task


def _read_task(server: Duplicati, task_id: int) -> ServerTask | None:
    """Read a task once more if the server stumbles, as 2.1.0.5 does while it aborts (2.1.0.5 extra:30)."""
    try:
        return server.tasks.get(task_id)
    except errors.TaskForgotten:
        return None
    except errors.ServerFailed:
        return server.tasks.get(task_id)


def _read_progress(server: Duplicati, task_id: int) -> Progress | None:
    """Read how far the task is; None before its first sign, and for the server's memory of another one."""
    progress = server.progress.get()
    return progress if progress is not None and progress.task_id == task_id else None


def _is_all_read(progress: Progress) -> bool:
    if progress.phase == "Backup_ProcessingFiles":
        return not progress.is_counting and 0 < progress.bytes_total <= progress.bytes_done
    return progress.phase in _PHASES_AFTER_READING
