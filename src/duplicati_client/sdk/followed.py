"""A server task that is followed, as records: what was there before it, what was started, what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .. import errors
from ..outcome import MetadataSign, NoticeSign, RowSign, Verdict
from . import evidence
from .activity import Progress, ServerState
from .backups import Backups
from .channel import Channel
from .logs import Logs
from .notifications import Notifications
from .progress import ProgressReader
from .state import States

ROWS_COUNT = 50


class Baseline(NamedTuple):
    """What was there before the task was asked for; `rows` is None where the log could not be read."""

    rows: tuple[RowSign, ...] | None
    metadata: MetadataSign | None
    notices: tuple[NoticeSign, ...]
    state: ServerState
    last_progress_task_id: int | None


class StartedTask(NamedTuple):
    """A task that the server has taken. `task_id` may stay None for a quick run of the legacy generation.

    `operation` is the server's word for it in the log: `Backup`, `Test`, `Repair`, `Compact` or `Vacuum`.
    `is_absorbed`: something of this backup ran or waited already, and no run was added; the number is that task's.
    """

    backup_id: str
    operation: str
    task_id: int | None
    is_absorbed: bool
    baseline: Baseline

    @property
    def is_behind_own_backup(self) -> bool:
        """Say whether something of the same backup comes first, whose traces are not this task's."""
        return not self.is_absorbed and bool(tasks_of(self.baseline.state, self.backup_id))


class Note(NamedTuple):
    """Something that a person following should be told; `is_detail` for those who want to know more."""

    text: str
    is_detail: bool = False


class Ended(NamedTuple):
    """The end: the verdict, and the times and row it rests on where there are any; `result` is what that row says.

    `is_lost`: the server was restarted, so that the end itself was not seen.
    """

    verdict: Verdict
    task_id: int | None
    started_at: datetime | None
    finished_at: datetime | None
    row_id: int | None
    result: Mapping[str, Any] | None = None
    is_lost: bool = False


Item = Progress | Note | Ended


def tasks_of(state: ServerState, backup_id: str) -> list[int]:
    """Return the numbers of the tasks of a backup: the running one, then the waiting ones."""
    queued = [state.active, *state.waiting]
    return [task.task_id for task in queued if task is not None and task.backup_id == backup_id]


def read_baseline(channel: Channel, backup_id: str, operation: str) -> Baseline:
    """Read what is there now; raises `BackupNotFound`."""
    state = States(channel).get()
    metadata, notices = read_traces(channel, backup_id, operation)
    progress = ProgressReader(channel).get() if channel.is_legacy else None
    return Baseline(
        rows=_read_newest_rows(channel, backup_id),
        metadata=metadata,
        notices=notices,
        state=state,
        last_progress_task_id=progress.task_id if progress else None,
    )


def read_traces(channel: Channel, backup_id: str, operation: str) -> tuple[MetadataSign | None, tuple[NoticeSign, ...]]:
    """Read what operations of a backup leave outside its log."""
    backup = Backups(channel).get(backup_id)
    notices = evidence.notice_signs([n.raw for n in Notifications(channel).list()], backup_id)
    return evidence.metadata_sign(dict(backup.metadata.raw), operation), notices


def _read_newest_rows(channel: Channel, backup_id: str) -> tuple[RowSign, ...] | None:
    try:
        rows = Logs(channel).of_backup(backup_id, count=ROWS_COUNT)
    except (errors.DatabaseLocked, errors.ServerFailed):
        return None
    return evidence.row_signs([row.raw for row in rows])
