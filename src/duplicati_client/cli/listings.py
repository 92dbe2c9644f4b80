"""The columns of every kind of listing, as data, and how the library's records become its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .output.columns import Column, Listing

if TYPE_CHECKING:
    from ..operations.describe import PastRun
    from ..operations.list import BackupSummary, TaskSummary
    from ..operations.logs import LogLine
    from ..sdk.models import Notification, Version

# Each column bears the name of the record's field; the order is the record's.
_BACKUPS = (
    Column("backup_id", "ID", "id", 0),
    Column("name", "NAME", "text", 0),
    Column("outcome", "OUTCOME", "outcome", 1),
    Column("reason", "REASON", is_shown=False),
    Column("last_started_at", "WHEN", "time", 2),
    Column("last_finished_at", "FINISHED", "time", is_shown=False),
    Column("duration_seconds", "TOOK", "seconds", 5),
    Column("versions_count", "VERS.", "number", 6),
    Column("source_bytes", "SOURCE", "size", is_shown=False),
    Column("destination_bytes", "SIZE", "size", 4),
    Column("next_run_at", "NEXT RUN", "time", 3),
)
_TASKS = (
    Column("task_id", "TASK", "id", 0),
    Column("status", "STATUS", "outcome", 1),
    Column("operation", "OPERATION", "text", 3),
    Column("backup_id", "BACKUP ID", "text", is_shown=False),
    Column("backup_name", "BACKUP", "text", 0),
    Column("started_at", "STARTED", "time", 2),
)
_VERSIONS = (
    Column("version", "VERSION", "id", 0),
    Column("created_at", "CREATED", "time", 0),
    Column("is_full", "WHOLE", "flag", 3),
    Column("files_count", "FILES", "number", 1),
    Column("files_bytes", "SIZE", "size", 2),
)
_NOTIFICATIONS = (
    Column("notification_id", "ID", "id", 0),
    Column("created_at", "WHEN", "time", 2),
    Column("kind", "KIND", "outcome", 1),
    Column("title", "TITLE", "text", 0),
    Column("message", "MESSAGE", "text", 3),
    Column("backup_id", "BACKUP ID", "text", is_shown=False),
    Column("exception", "EXCEPTION", is_shown=False),
)
_LOGS = (
    Column("logged_at", "WHEN", "time", 0),
    Column("level", "LEVEL", "outcome", 1),
    Column("source", "SOURCE", "text", 2),
    Column("message", "MESSAGE", "text", 0),
    Column("exception", "EXCEPTION", is_shown=False),
)
_SETTINGS = (Column("name", "NAME", "id", 0), Column("value", "VALUE", "text", 0))
_RUNS = (
    Column("began_at", "WHEN", "time", 0),
    Column("outcome", "OUTCOME", "outcome", 0),
    Column("reason", "REASON", "text", 1),
    Column("detail", "DETAIL", "text", 2),
)


def list_backups(backups: Sequence[BackupSummary]) -> Listing:
    """Return backups; the records are the rows, which keeps a long list quick."""
    return Listing("backups", _BACKUPS, backups)


def list_tasks(tasks: Sequence[TaskSummary]) -> Listing:
    """Return the queue."""
    return Listing("tasks", _TASKS, tasks)


def list_versions(versions: Iterable[Version]) -> Listing:
    """Return the versions of a backup."""
    return Listing("versions", _VERSIONS, _pick(_VERSIONS, versions))


def list_notifications(notifications: Iterable[Notification]) -> Listing:
    """Return what nobody has dismissed."""
    return Listing("notifications", _NOTIFICATIONS, _pick(_NOTIFICATIONS, notifications))


def list_logs(lines: Iterable[LogLine]) -> Listing:
    """Return the lines of a log."""
    return Listing("logs", _LOGS, _pick(_LOGS, lines))


def list_settings(settings: Mapping[str, str]) -> Listing:
    """Return settings by name."""
    return Listing("settings", _SETTINGS, list(settings.items()))


def list_runs(runs: Iterable[PastRun]) -> Listing:
    """Return the last runs of a backup."""
    return Listing("runs", _RUNS, _pick(_RUNS, runs))


def _pick(columns: Sequence[Column], records: Iterable[object]) -> list[tuple[object, ...]]:
    names = [column.name for column in columns]
    return [tuple(getattr(record, name) for name in names) for record in records]
