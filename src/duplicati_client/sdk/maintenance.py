"""Start what looks after a backup's data: verify, repair, compact, vacuum; following it is in `following`."""

from __future__ import annotations

from .. import errors
from . import answers
from .followed import Baseline, StartedTask, read_baseline
from .following import Following

# The request, and the server's word for the operation in its log.
_OPERATIONS = {"verify": "Test", "repair": "Repair", "compact": "Compact", "vacuum": "Vacuum"}


class Maintenance(Following):
    """Starting and following what is no run.

    The server queues each request as a task of its own, also beside an equal one (2.3.1.0 control:26, 27), and asks
    nothing of its sense before it is done. `baseline` is what was there, for who has read and kept it already.
    """

    def verify(self, backup_id: str, baseline: Baseline | None = None) -> StartedTask:
        """Have samples of the data at the destination downloaded and tested."""
        return self._start(backup_id, "verify", baseline)

    def repair(self, backup_id: str, baseline: Baseline | None = None) -> StartedTask:
        """Have the local database rebuilt if it is missing, else brought to agree with the destination.

        Files at the destination that the database does not know are deleted there.
        """
        return self._start(backup_id, "repair", baseline)

    def compact(self, backup_id: str, baseline: Baseline | None = None) -> StartedTask:
        """Have volumes with much wasted space rewritten. Before 2.2 it leaves a row only if there was work."""
        return self._start(backup_id, "compact", baseline)

    def vacuum(self, backup_id: str, baseline: Baseline | None = None) -> StartedTask:
        """Have the local database tidied. Before 2.2 it leaves no row (2.0.8.1 maintenance:652)."""
        return self._start(backup_id, "vacuum", baseline)

    def _start(self, backup_id: str, request: str, baseline: Baseline | None) -> StartedTask:
        operation = _OPERATIONS[request]
        baseline = baseline or read_baseline(self._channel, backup_id, operation)
        path = f"api/v1/backup/{answers.backup_id(backup_id)}/{request}"
        raw = self._channel.post(path, f"the {request} of a backup")
        if answers.text(raw, "Status") not in ("OK", ""):
            raise errors.ServerFailed(f"the server did not take the {request}")
        return StartedTask(backup_id, operation, answers.natural(raw, "ID"), False, baseline)
