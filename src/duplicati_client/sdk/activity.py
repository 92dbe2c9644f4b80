"""Typed views of what a server is doing: tasks, queue, state, progress; like `models`, each keeps its `raw`.

Members that are missing, of another type or of a later release never fail: they read as None, empty or the text that
came, and stay in `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .. import errors
from . import answers
from .evidence import read_time


class ServerTask(NamedTuple):
    """An entry of the server's queue. `status` is the server's word and proves nothing alone: see `outcome`.

    The number starts again at every start of the server; never keep it longer than that.
    """

    task_id: int
    status: str
    backup_id: str | None
    operation: str | None
    started_at: datetime | None
    finished_at: datetime | None
    error_message: str | None
    raw: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Say whether the server calls it over; any word but the two of a live task counts."""
        return self.status not in ("Waiting", "Running")

    @classmethod
    def read(cls, raw: Any, *, task_id: int | None = None) -> ServerTask:
        """Read an answer of `task/{id}` or an item of `tasks`, of either generation."""
        raw = answers.mapping(raw, "a task")
        found_id = answers.natural(raw, "ID", "TaskID")
        found_id = found_id if found_id is not None else task_id  # 2.0.8.1 leaves it out
        if found_id is None:
            raise errors.NotUnderstood("a task without a number came")
        nested = answers.member(raw, "Backup")
        return cls(
            task_id=found_id,
            status=answers.text(raw, "Status") or "Running",
            backup_id=answers.backup_id_or_none(raw, "BackupID") or answers.backup_id_or_none(nested, "ID"),
            operation=answers.text_or_none(raw, "Operation"),
            started_at=read_time(answers.member(raw, "TaskStarted")),
            finished_at=read_time(answers.member(raw, "TaskFinished")),
            error_message=answers.text_or_none(raw, "ErrorMessage"),
            raw=raw,
        )


class QueuedTask(NamedTuple):
    """A task as `serverstate` names it: number and, unless it is a command line's, backup."""

    task_id: int
    backup_id: str | None

    @classmethod
    def read(cls, raw: Any) -> QueuedTask | None:
        """Read a pair `Item1`, `Item2`; None if it is none."""
        task_id = answers.natural(raw, "Item1")
        return None if task_id is None else cls(task_id, answers.backup_id_or_none(raw, "Item2"))


class ServerState(NamedTuple):
    """What the server does now; the counters only say that something differs, they restart with the server."""

    active: QueuedTask | None
    waiting: tuple[QueuedTask, ...]
    proposed: Mapping[str, datetime]
    is_paused: bool
    pause_ends_at: datetime | None
    has_warning: bool
    has_error: bool
    icon: str
    event_id: int
    updated_version: str | None
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Any) -> ServerState:
        """Read an answer of `serverstate` or a `legacystatus` message."""
        raw = answers.mapping(raw, "the server's state")
        queue = answers.member(raw, "SchedulerQueueIds")
        runs = answers.member(raw, "ProposedSchedule")
        proposed: dict[str, datetime] = {}
        for item in runs if isinstance(runs, list) else []:
            at, backup_id = read_time(answers.member(item, "Item2")), answers.text_or_none(item, "Item1")
            if at is not None and backup_id is not None:
                proposed.setdefault(backup_id, at)
        return cls(
            active=QueuedTask.read(answers.member(raw, "ActiveTask")),
            waiting=tuple(filter(None, map(QueuedTask.read, queue if isinstance(queue, list) else []))),
            proposed=proposed,
            is_paused=answers.text(raw, "ProgramState") == "Paused",
            pause_ends_at=read_time(answers.member(raw, "EstimatedPauseEnd")),
            has_warning=answers.flag(raw, "HasWarning"),
            has_error=answers.flag(raw, "HasError"),
            icon=answers.text(raw, "SuggestedStatusIcon"),
            event_id=answers.number(raw, "LastEventID") or 0,
            updated_version=answers.text_or_none(raw, "UpdatedVersion"),
            raw=raw,
        )


_READING_PHASES = ("Backup_ProcessingFiles", "Restore_DownloadingRemoteFiles")
_FIXED_FRACTIONS = {
    "Backup_Finalize": 0.90,
    "Backup_WaitForUpload": 0.90,
    "Backup_Delete": 0.95,
    "Backup_Compact": 0.95,
    "Backup_VerificationUpload": 0.98,
    "Backup_PostBackupVerify": 0.98,
    "Backup_Complete": 1.0,
    "Restore_Complete": 1.0,
}


class Progress(NamedTuple):
    """How far a task is. The server keeps showing its last one for ever: compare `task_id` before believing it."""

    task_id: int | None
    backup_id: str | None
    phase: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    is_counting: bool
    overall_fraction: float
    speed_bytes_per_second: float | None
    current_file: str | None
    raw: Mapping[str, Any]

    @property
    def fraction(self) -> float | None:
        """How much is done, 0 to 1, as the server's own pages reckon it; None where a phase has no measure."""
        if self.phase == "Backup_Compact" and not self.files_total:
            return None  # a compact by itself, which has no measure
        if self.phase in _FIXED_FRACTIONS:
            return _FIXED_FRACTIONS[self.phase]
        if self.phase in _READING_PHASES:
            if self.is_counting or self.bytes_total <= 0:
                return None
            # All is read long before all is uploaded (2.3.1.0 websocket:15), so reading ends at 0.9.
            return min(0.90, max(0.0, self.bytes_done / self.bytes_total))
        return self.overall_fraction if 0 < self.overall_fraction <= 1 else None

    @classmethod
    def read(cls, raw: Any) -> Progress:
        """Read an answer of `progressstate` or the data of a `progress` message."""
        raw = answers.mapping(raw, "the progress")
        speed = answers.fraction(raw, "BackendSpeed")
        return cls(
            task_id=answers.natural(raw, "TaskID"),
            backup_id=answers.backup_id_or_none(raw, "BackupID"),
            phase=answers.text(raw, "Phase"),
            files_done=answers.number(raw, "ProcessedFileCount") or 0,
            files_total=answers.number(raw, "TotalFileCount") or 0,
            bytes_done=answers.number(raw, "ProcessedFileSize") or 0,
            bytes_total=answers.number(raw, "TotalFileSize") or 0,
            is_counting=answers.flag(raw, "StillCounting"),
            overall_fraction=answers.fraction(raw, "OverallProgress") or 0.0,
            speed_bytes_per_second=speed if speed is not None and speed >= 0 else None,
            current_file=answers.text_or_none(raw, "CurrentFilename"),
            raw=raw,
        )
