"""What `progressstate` shows of a task while it runs and, stale, ever after."""

from __future__ import annotations

from typing import Any

from ..clock import duration
from ..release import Release


class Transfer:
    """One upload or download on its way."""

    def __init__(self, action: str, path: str | None = None, size: int = 0) -> None:
        self.action = action
        self.path = path
        self.size = size
        self.done = 0
        self.speed = -1
        self.is_blocking = False

    def as_dict(self) -> dict[str, Any]:
        """Return the six members of a transfer."""
        return {
            "BackendAction": self.action,
            "BackendPath": self.path,
            "BackendFileSize": self.size,
            "BackendFileProgress": self.done,
            "BackendSpeed": self.speed,
            "BackendIsBlocking": self.is_blocking,
        }


def _together(transfers: list[Transfer]) -> Transfer:
    # Before 2.2 all uploads show as one (2.1.0.5 control:10).
    whole = Transfer("Put", "ParallelUpload", sum(transfer.size for transfer in transfers))
    whole.done = sum(transfer.done for transfer in transfers)
    whole.speed = max(transfer.speed for transfer in transfers)
    return whole


class Progress:
    """The progress of one task."""

    def __init__(self, task_id: int, backup_id: str | None, release: Release) -> None:
        self._release = release
        self.task_id = task_id
        self.backup_id = backup_id
        self.phase = "Starting_Operation" if release.has_starting_phase else "Backup_Begin"
        self.overall = 0.0
        self.processed_count = 0
        self.processed_size = 0
        self.total_count = 0
        self.total_size = 0
        self.is_still_counting = False
        self.current_name: str | None = None
        self.current_size = 0
        self.current_offset = 0
        self.is_current_complete = False
        self.transfers: list[Transfer] = []
        self.last_transfer = Transfer("List")
        self.last_transfer.speed = 0
        self.speed = 0

    def begin_engine(self) -> None:
        """Leave the very first state, in which the speed is 0 and the action `List`."""
        if self._release.has_active_transfers:
            self.last_transfer = Transfer("Get")
        elif self.last_transfer.path is None:
            self.last_transfer = Transfer("List")

    def set_file(self, path: str, size: int) -> None:
        """Show a file as the one being read, and already read in full."""
        self.current_name, self.current_size, self.current_offset, self.is_current_complete = path, size, size, True

    def clear_file(self) -> None:
        """Show no file."""
        self.current_name, self.current_size, self.current_offset, self.is_current_complete = None, 0, 0, False

    def start_transfer(self, transfer: Transfer) -> None:
        """Show a transfer as running."""
        self.transfers.append(transfer)

    def end_transfer(self, transfer: Transfer) -> None:
        """Show a transfer no more; before 2.2 the last one stays visible (`2.1.0.5 run:164`)."""
        if transfer in self.transfers:
            self.transfers.remove(transfer)
        if not self._release.has_active_transfers:
            self.last_transfer = transfer

    def as_dict(self) -> dict[str, Any]:
        """Return the progress object of the release."""
        first = self.transfers[0] if self.transfers else self.last_transfer
        if first.action == "Put" and self.transfers and not self._release.has_active_transfers:
            first = _together(self.transfers)
        result: dict[str, Any] = {
            "BackupID": self.backup_id,
            "TaskID": self.task_id,
            **first.as_dict(),
            "CurrentFilename": self.current_name,
            "CurrentFilesize": self.current_size,
            "CurrentFileoffset": self.current_offset,
            "CurrentFilecomplete": self.is_current_complete,
            "Phase": self.phase,
            "OverallProgress": int(self.overall) if self.overall == int(self.overall) else round(self.overall, 7),
            "ProcessedFileCount": self.processed_count,
            "ProcessedFileSize": self.processed_size,
            "TotalFileCount": self.total_count,
            "TotalFileSize": self.total_size,
            "StillCounting": self.is_still_counting,
        }
        if self._release.has_active_transfers:
            result["ActiveTransfers"] = [transfer.as_dict() for transfer in self.transfers]
        if self._release.has_sync_progress:
            result |= {"RemoteSyncDestinationIndex": 0, "RemoteSyncDestinationCount": 0}
        if self._release.has_time_estimate:
            result["EstimatedTimeToCompletion"] = self._time_left()
        return result

    def _time_left(self) -> str | None:
        if self.phase != "Backup_ProcessingFiles" or not self.speed or not self.transfers:
            return None
        return duration((self.total_size - self.processed_size) / self.speed)
