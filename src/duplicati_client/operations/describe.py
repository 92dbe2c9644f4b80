"""Everything about one backup on one screen, without its secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from .. import errors
from ..outcome import Evidence, NoticeSign, RowSign, judge
from ..sdk import evidence
from ..sdk.client import Duplicati
from ..sdk.models import Backup, Schedule
from .list import BackupSummary, summarise_backups
from .masking import hide_definition, hide_text, hide_url
from .selection import select_backup

_RUNS_COUNT = 5


class PastRun(NamedTuple):
    """One earlier run by its row in the log; `outcome` is an outcome's word."""

    row_id: int
    began_at: datetime | None
    ended_at: datetime | None
    outcome: str
    reason: str
    detail: str | None


class BackupDescription(NamedTuple):
    """A backup: definition, state, last runs. `runs_note` says why runs are missing, if they are."""

    summary: BackupSummary
    description: str
    destination: str
    sources: tuple[str, ...]
    settings: dict[str, str]
    filters: tuple[str, ...]
    schedule: Schedule | None
    runs: tuple[PastRun, ...]
    runs_note: str | None
    definition: Any


def describe_backup(server: Duplicati, selector: str) -> BackupDescription:
    """Read it; about six requests."""
    found = select_backup(server.backups.list(), selector)
    backup = server.backups.get(found.backup_id)
    secret_options = server.system.secret_options
    summary = summarise_backups(server, [found])[0]
    runs, note = _read_runs(server, backup)
    definition = hide_definition(dict(backup.raw), secret_options)
    return BackupDescription(
        summary=summary,
        description=backup.description,
        destination=hide_url(backup.target_url, secret_options),
        sources=backup.sources,
        settings=dict(backup._replace(raw=definition).settings),
        filters=_read_filters(definition),
        schedule=backup.schedule,
        runs=runs,
        runs_note=note,
        definition=definition,
    )


def _read_filters(definition: Any) -> tuple[str, ...]:
    """Filters as a person writes them: `+` or `-`, then the expression, in the order in which they are tried."""
    filters = definition.get("Backup", {}).get("Filters")
    entries = [item for item in filters if isinstance(item, dict)] if isinstance(filters, list) else []
    return tuple(f"{'+' if item.get('Include') is True else '-'}{item.get('Expression')}" for item in entries)


def _read_runs(server: Duplicati, backup: Backup) -> tuple[tuple[PastRun, ...], str | None]:
    try:
        rows = server.logs.of_backup(backup.backup_id, count=200)
    except errors.DatabaseLocked:
        return (), "the log cannot be read while a task of this backup runs"
    signs = [s for s in evidence.row_signs([row.raw for row in rows]) if s.main_operation == "Backup"]
    notices = evidence.notice_signs([n.raw for n in server.notifications.list()], backup.backup_id)
    runs = [
        _judge_past(server.release, row, _notices_of(row, signs[index - 1] if index else None, notices))
        for index, row in enumerate(signs[:_RUNS_COUNT])
    ]
    return tuple(runs), None


def _notices_of(row: RowSign, later: RowSign | None, notices: tuple[NoticeSign, ...]) -> tuple[NoticeSign, ...]:
    """Pick the notifications from a run's begin to the next one's; an end script's come after its row.

    Their times are whole seconds, cut off.
    """
    if row.began_at is None:
        return ()
    since, until = row.began_at.replace(microsecond=0), later.began_at if later else None
    return tuple(n for n in notices if n.at and n.at >= since and (until is None or n.at < until))


def _judge_past(release: tuple[int, ...], row: RowSign, notices: tuple[NoticeSign, ...]) -> PastRun:
    verdict = judge(Evidence(operation="Backup", release=release, rows=(row,), notices=notices))
    detail = None if verdict.detail is None else hide_text(verdict.detail)
    return PastRun(row.row_id, row.began_at, row.ended_at, str(verdict.outcome), verdict.reason, detail)
