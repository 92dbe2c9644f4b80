"""Start a run of a backup, and say whether the server added one; following it is in `following`."""

from __future__ import annotations

from .backups import Backups
from .followed import Baseline, StartedTask, read_baseline, tasks_of
from .following import Following
from .progress import ProgressReader
from .state import States

OPERATION = "Backup"


class Runs(Following):
    """Starting and following runs of backups."""

    def start(self, backup_id: str, *, skip_queue: bool = False, baseline: Baseline | None = None) -> StartedTask:
        """Note what is there, then ask for the run. Repeating is harmless while the first one runs or waits.

        `baseline` is what was there, for who has read and kept it already.
        """
        baseline = baseline or read_baseline(self._channel, backup_id, OPERATION)
        queued = tasks_of(baseline.state, backup_id)
        task_id = Backups(self._channel).run(backup_id, skip_queue=skip_queue)
        if task_id is None:
            task_id = self._find_task(backup_id, baseline)
        is_absorbed = task_id in queued if task_id is not None else bool(queued)
        return StartedTask(backup_id, OPERATION, task_id, is_absorbed, baseline)

    def _find_task(self, backup_id: str, baseline: Baseline) -> int | None:
        """Find the number that the legacy generation does not give: in the queue, or in the progress it left."""
        for _ in range(3):
            found = tasks_of(States(self._channel).get(), backup_id)
            if found:
                return found[0]
            progress = ProgressReader(self._channel).get()
            is_new = progress is not None and progress.task_id != baseline.last_progress_task_id
            if progress is not None and is_new and progress.backup_id == backup_id:
                return progress.task_id
            self._patience.sleep(0.1)
        return None
