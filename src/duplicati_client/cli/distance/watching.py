"""Watches a server beside a daemon: the daemon watches it for a while at a time, and what that joins up to is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ... import errors
from ...operations.view import Absence, Change, EndedTask
from ..reach import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...operations.list import BackupSummary
    from ...operations.view import View
    from .there import There

_FIRST_SECONDS, _SECONDS = 1.0, 5.0
_RETRY_SECONDS = (1, 2, 3, 5)


def follow(there: There, *, is_patient: bool) -> Iterator[Change | None]:
    """Yield what changes, for ever, and None every few seconds; it is known some seconds after it happened.

    A daemon or a task server that is away is waited for, where `is_patient` also at the start. Raises what only
    somebody can mend.
    """
    joined = _Joined()
    failures_count = 0
    while True:
        seconds = _SECONDS if joined.view is not None else _FIRST_SECONDS
        try:
            changes: Sequence[Change] = there.perform(Asked("watch", (), {"timeout": seconds}))
        except errors.DuplicatiClientError as exc:
            if not exc.is_retryable or (joined.view is None and not is_patient):
                raise
            yield from joined.go_away(exc.message)
            there.clock.sleep(_RETRY_SECONDS[min(failures_count, len(_RETRY_SECONDS) - 1)])
            failures_count += 1
            there.forget()
            continue
        failures_count = 0
        yield from joined.take(changes)
        yield None


class _Joined:
    """What was seen so far, over all the times that were watched."""

    def __init__(self) -> None:
        self.view: View | None = None
        self._told: set[tuple[str, datetime | None]] = set()

    def go_away(self, reason: str) -> Iterator[Change | None]:
        """Tell once that nothing is known any more."""
        if self.view is not None and self.view.away_since_at is None:
            since_at = datetime.now(UTC).replace(microsecond=0)
            self.view = self.view._replace(away_since_at=since_at, away_reason=reason)
            yield Change("away", self.view, Absence(since_at, reason))
        yield None

    def take(self, changes: Sequence[Change]) -> Iterator[Change]:
        """Tell what is new of a further time."""
        for at, change in enumerate(changes):
            before, self.view = self.view, change.view
            if at == 0 and before is not None:
                yield from self._bridge(before, change.view)
                if before == change.view:
                    continue
            ended = change.detail if isinstance(change.detail, EndedTask) else None
            if ended is None or self._is_new(ended.backup_id, ended.finished_at):
                yield change
        if self.view is not None and not self._told:
            self._told = {_mark(run) for run in self.view.last_runs}

    def _bridge(self, before: View, view: View) -> Iterator[Change]:
        """Tell what came between two times, when nobody watched."""
        if before.away_since_at is not None:
            away_seconds = (datetime.now(UTC) - before.away_since_at).total_seconds()
            yield Change("back", view, Absence(before.away_since_at, before.away_reason or "", round(away_seconds, 1)))
        for run in reversed(view.last_runs):
            if _mark(run) not in {_mark(known) for known in before.last_runs} and self._is_new(*_mark(run)):
                yield Change("ended", view, _tell_run(run))
        known = {(item.notification_id, item.created_at) for item in before.notifications}
        for item in reversed(view.notifications):
            if (item.notification_id, item.created_at) not in known:
                yield Change("notification", view, item)

    def _is_new(self, backup_id: str | None, finished_at: datetime | None) -> bool:
        mark = backup_id or "", finished_at
        is_new = mark not in self._told
        self._told.add(mark)
        return is_new


def _mark(run: BackupSummary) -> tuple[str, datetime | None]:
    return run.backup_id, run.last_finished_at


def _tell_run(run: BackupSummary) -> EndedTask:
    times = run.last_started_at, run.last_finished_at
    return EndedTask(None, run.backup_id, run.name, "Backup", run.outcome, run.reason, *times)
