"""From a task that is over to its verdict: all the signs it left are read, waited for where need be, and judged."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .. import errors
from ..outcome import Evidence, MetadataSign, Outcome, RowSign, TaskSign, judge
from . import evidence
from .activity import ServerTask
from .backups import Backups
from .channel import Channel
from .followed import ROWS_COUNT, Baseline, Ended, Note, StartedTask
from .logs import Logs
from .models import LogRow
from .notifications import Notifications
from .patience import AWAY_SECONDS, Patience

# TaskStarted moves a little in a task's first moments (2.3.1.0 restart:35); a restart moves it further.
SAME_START = timedelta(seconds=5)
_LOOKS_COUNT, _LOOK_SECONDS = 5, 0.5


class Seen(NamedTuple):
    """What was seen of a task while it was followed."""

    baseline: Baseline
    task: ServerTask | None
    first_started_at: datetime | None
    last_phase: str | None
    is_lost: bool


class Conclusion:
    """Reads and judges what one task has left."""

    def __init__(self, channel: Channel, started: StartedTask, seen: Seen, patience: Patience) -> None:
        self._channel = channel
        self._started = started
        self._seen = seen
        self._patience = patience
        self._raw_rows: list[Mapping[str, Any]] = []

    def reach(self) -> Generator[Note | None, None, Ended]:
        """Return the end; the log may be locked by the next task for a while (2.3.1).

        What leaves no result is looked at again for a moment, since a busy server may be late with the row.
        Not so where no times tell its row from that of a run which came right after it (before 2.2).
        """
        task = self._seen.task
        has_times = task is not None and task.started_at is not None and not self._seen.is_lost
        for look in range(_LOOKS_COUNT):
            if look:
                self._patience.sleep(_LOOK_SECONDS)
                yield None
            rows = yield from self._read_rows()
            row = self._own_row(rows or ())
            verdict = judge((yield from self._gather(rows, row)))
            if verdict.outcome is not Outcome.UNKNOWN or rows is None or not has_times:
                break
        return Ended(
            verdict=verdict,
            task_id=self._started.task_id,
            started_at=(row.began_at if row else None) or self._seen.first_started_at,
            finished_at=(row.ended_at if row else None) or (task.finished_at if task else None),
            row_id=row.row_id if row else None,
            result=evidence.result_of(self._raw_rows, row.row_id) if row else None,
            is_lost=self._seen.is_lost,
        )

    def _read_rows(self) -> Generator[Note | None, None, tuple[RowSign, ...] | None]:
        """Read the new rows of the log; None when it stays unreadable."""
        started_at = self._patience.clock()
        is_told = False
        while self._patience.clock() - started_at < AWAY_SECONDS:
            try:
                found = yield from self._patience.read(self._read_log)
                self._raw_rows = [row.raw for row in found]
                return self._select_new(self._raw_rows)
            except errors.DatabaseLocked:
                if not is_told:
                    is_told = True
                    yield Note("the log is in use by another task of this backup; waiting for it")
                self._patience.sleep(1.0)
                yield None
            except (errors.NotFound, errors.NotUnderstood):
                return None
        return None

    def _read_log(self) -> list[LogRow]:
        return Logs(self._channel).of_backup(self._started.backup_id, count=ROWS_COUNT)

    def _select_new(self, raw_rows: object) -> tuple[RowSign, ...] | None:
        rows, before = evidence.row_signs(raw_rows), self._seen.baseline.rows
        if before is not None:
            return evidence.new_rows(before, rows)
        # Which rows are old is not known; times tell, and without them none may be believed.
        return rows if self._seen.first_started_at is not None else None

    def _gather(self, rows: tuple[RowSign, ...] | None, row: RowSign | None) -> Generator[None, None, Evidence]:
        seen, backup_id, operation = self._seen, self._started.backup_id, self._started.operation
        after, is_dry_run = yield from self._read_after()
        raw = yield from self._patience.read(lambda: [n.raw for n in Notifications(self._channel).list()])
        notices = evidence.new_notices(seen.baseline.notices, evidence.notice_signs(raw, backup_id))
        return Evidence(
            operation=operation,
            release=self._channel.release,
            task=self._task_sign(),
            is_task_lost=seen.is_lost,
            rows=rows,
            before=seen.baseline.metadata,
            after=after,
            notices=evidence.notices_since(notices, self._first_notice_at(row)),
            last_phase=seen.last_phase,
            is_dry_run=is_dry_run,
        )

    def _first_notice_at(self, row: RowSign | None) -> datetime | None:
        """Return when the first notice of its own can have come: at its end, where a task before it left some too."""
        is_behind = self._started.is_behind_own_backup and not self._seen.is_lost
        return (row.ended_at if row and is_behind else None) or self._seen.first_started_at

    def _task_sign(self) -> TaskSign | None:
        task = self._seen.task
        if task is None:
            return None
        started_at = task.started_at or self._seen.first_started_at
        return TaskSign(task.status, task.error_message, started_at, task.finished_at)

    def _own_row(self, rows: tuple[RowSign, ...]) -> RowSign | None:
        """Choose the row whose times are shown: the new one nearest to the start that was seen."""
        own = [row for row in rows if row.main_operation == self._started.operation]
        began_at = self._seen.task.started_at if self._seen.task else None
        if began_at is None:
            return None if self._seen.is_lost else min(own, key=lambda row: row.row_id, default=None)
        near = [row for row in own if row.began_at and abs(row.began_at - began_at) < SAME_START]
        return min(near, key=lambda row: row.row_id, default=None)

    def _read_after(self) -> Generator[None, None, tuple[MetadataSign | None, bool | None]]:
        try:
            backup = yield from self._patience.read(lambda: Backups(self._channel).get(self._started.backup_id))
        except errors.NotFound:
            return None, None
        dry = {name.lstrip("-").lower(): value.lower() for name, value in backup.settings.items()}.get("dry-run")
        is_dry_run = dry is not None and dry != "false"
        return evidence.metadata_sign(dict(backup.metadata.raw), self._started.operation), is_dry_run
