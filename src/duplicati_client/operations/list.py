"""List what a server has; the backups with how their last run went, derived from every sign there is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from .. import errors
from ..outcome import LastRun, MetadataSign, NoticeSign, Outcome, RowSign, judge_last
from ..sdk import evidence
from ..sdk.activity import ServerState
from ..sdk.client import Duplicati
from ..sdk.models import Backup, LogRow, Notification, Version
from .masking import hide_settings, hide_text

# A log is asked for only where it alone can tell; of so many at most, and so many at once.
_LOGS_COUNT = 200
_THREADS_COUNT = 4
_QUEUED = "queued"
_UNREAD = f"Its log was not read: that is done for {_LOGS_COUNT} backups at once. Name it to know."
# A warning without its row may be a run that was stopped.
_OPEN = (Outcome.UNKNOWN, Outcome.WARNING, Outcome.ERROR)


class BackupSummary(NamedTuple):
    """A backup and its last run. `outcome` is an outcome's word, or `never`, `running`, `queued`; `reason` says why."""

    backup_id: str
    name: str
    outcome: str
    reason: str
    last_started_at: datetime | None
    last_finished_at: datetime | None
    duration_seconds: float | None
    versions_count: int | None
    source_bytes: int | None
    destination_bytes: int | None
    next_run_at: datetime | None


def list_backups(server: Duplicati) -> list[BackupSummary]:
    """Return every backup. Of 200 at most the log is read where nothing else tells; the others stay `unknown`."""
    return summarise_backups(server, server.backups.list())


def summarise_backups(server: Duplicati, backups: Sequence[Backup], *, with_queue: bool = True) -> list[BackupSummary]:
    """Find out how the last runs of these backups went; without the queue a run that goes on does not hide them."""
    state = server.state.get()
    if not with_queue:
        state = state._replace(active=None, waiting=())
    notices = _group_notices(server.notifications.list())
    release = server.release
    signs = [_Signs(backup, notices.get(backup.backup_id, ()), _read_metadata(backup)) for backup in backups]
    known = {signed.backup.backup_id: _judge(signed, state, release, None) for signed in signs}
    open_ones = [signed for signed in signs if known[signed.backup.backup_id].state in _OPEN]
    for signed, row in _read_rows(server, open_ones[:_LOGS_COUNT]):
        known[signed.backup.backup_id] = _judge(signed, state, release, row)
    for signed in open_ones[_LOGS_COUNT:]:
        known[signed.backup.backup_id] = known[signed.backup.backup_id]._replace(reason=_UNREAD)
    waiting = {task.backup_id for task in state.waiting}
    return [_summarise(signed, state, waiting, known[signed.backup.backup_id]) for signed in signs]


class _Signs(NamedTuple):
    backup: Backup
    notices: tuple[NoticeSign, ...]
    metadata: MetadataSign | None


def _read_metadata(backup: Backup) -> MetadataSign | None:
    return evidence.metadata_sign(backup.metadata.raw, "Backup")


def _group_notices(notifications: Sequence[Notification]) -> dict[str, tuple[NoticeSign, ...]]:
    grouped: dict[str, tuple[NoticeSign, ...]] = {}
    for notification in notifications:
        sign = evidence.notice_sign(notification.raw)
        if sign is not None and notification.backup_id is not None:
            grouped[notification.backup_id] = (*grouped.get(notification.backup_id, ()), sign)
    return grouped


def _judge(signed: _Signs, state: ServerState, release: tuple[int, ...], row: RowSign | None) -> LastRun:
    is_running = state.active is not None and state.active.backup_id == signed.backup.backup_id
    return judge_last(signed.metadata, signed.notices, release=release, row=row, is_running=is_running)


def _read_rows(server: Duplicati, wanted: Sequence[_Signs]) -> list[tuple[_Signs, RowSign]]:
    """Read the newest run's row of each backup, a few side by side; one that cannot be read is left out."""
    found: list[tuple[_Signs, RowSign]] = []
    remaining: Iterator[_Signs] = iter(wanted)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        while not failures:
            with lock:
                signed = next(remaining, None)
            if signed is None:
                return
            try:
                row = read_newest_run(server, signed.backup.backup_id)
            except errors.DuplicatiClientError as exc:
                if not isinstance(exc, errors.Busy | errors.NotFound | errors.ServerFailed):
                    failures.append(exc)
                continue
            if row is not None:
                found.append((signed, row))

    _run_threads(work, min(_THREADS_COUNT, len(wanted)))
    if failures:
        raise failures[0]
    return found


def _run_threads(work: Callable[[], None], count: int) -> None:
    if count <= 1:
        work()
        return
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read_newest_run(server: Duplicati, backup_id: str) -> RowSign | None:
    """Return the newest row of a run; rows of listings and of maintenance lie between, so it looks further once."""
    for rows in _pages(server, backup_id):
        for row in evidence.row_signs([row.raw for row in rows]):
            if row.main_operation == "Backup":
                return row
    return None


def _pages(server: Duplicati, backup_id: str) -> Iterator[list[LogRow]]:
    first = server.logs.of_backup(backup_id, count=10)
    yield first
    if len(first) >= 10:
        yield server.logs.of_backup(backup_id, count=500, before_row_id=min(row.row_id for row in first))


def _summarise(signed: _Signs, state: ServerState, waiting: Container[str | None], last: LastRun) -> BackupSummary:
    backup, metadata = signed.backup, signed.backup.metadata
    is_queued = backup.backup_id in waiting and last.state != "running"
    return BackupSummary(
        backup.backup_id,
        backup.name,
        _QUEUED if is_queued else str(last.state),
        "It waits in the server's queue." if is_queued else last.reason,
        (signed.metadata.started_at if signed.metadata else None) or last.at,
        signed.metadata.finished_at if signed.metadata else None,
        metadata.last_duration_seconds,
        metadata.versions_count,
        metadata.source_bytes,
        metadata.destination_bytes,
        state.proposed.get(backup.backup_id),
    )


def list_notifications(server: Duplicati) -> list[Notification]:
    """Return what nobody has dismissed yet, secrets hidden; `raw` keeps what came."""
    return [hide_notification(found) for found in server.notifications.list()]


def hide_notification(found: Notification) -> Notification:
    """Return a notification without the secrets that its texts may quote."""
    return found._replace(
        title=hide_text(found.title),
        message=hide_text(found.message),
        exception=None if found.exception is None else hide_text(found.exception),
    )


def list_settings(server: Duplicati) -> dict[str, str]:
    """Return the server's settings, secrets hidden."""
    return hide_settings(server.settings.list())


def list_versions(server: Duplicati, backup: Backup) -> list[Version]:
    """Return the restorable points in time of a backup, newest first."""
    return server.versions.list(backup.backup_id)
