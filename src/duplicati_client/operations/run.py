"""Run a backup."""

from __future__ import annotations

from .. import errors
from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask
from ..sdk.models import Backup


def start(
    server: Duplicati, backup: Backup, baseline: Baseline | None = None, *, skip_queue: bool = False
) -> StartedTask:
    """Ask for the run; see `Runs.start` for what a repeat does.

    With `skip_queue` it raises `Busy`, and sends nothing, where the backup waits already behind others: a repeat is
    absorbed by that task, which stays where it is (2.3.1.0 control:24), and no release can move it.
    """
    if skip_queue:
        _refuse_to_move(server, backup)
    return server.runs.start(backup.backup_id, skip_queue=skip_queue, baseline=baseline)


def _refuse_to_move(server: Duplicati, backup: Backup) -> None:
    for place, task in enumerate(server.state.get().waiting):
        if task.backup_id != backup.backup_id:
            continue
        if place == 0:
            return
        raise errors.Busy(
            f"task {task.task_id} of this backup waits already, behind {place} more, and no server can move it forward",
            hint="duplicati stop ends what runs before it; a restart of the server empties its queue",
        )
