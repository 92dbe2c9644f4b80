"""The columns of every kind of listing, as data, and how the library's records become its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .output.columns import Column, Listing

if TYPE_CHECKING:
    from ..operations.describe import PastRun
    from ..operations.list import BackupSummary
    from ..operations.logs import LogLine
    from ..operations.queue import TaskSummary
    from ..sdk.models import Backup, Notification, Version
    from .contexts import ContextSummary

# Each column bears the name of the record's field; the order is the record's.
_BACKUPS = (
    Column("backup_id", "ID", "id", 0, about="number of the backup on its server"),
    Column("name", "NAME", "text", 0, about="name of the backup"),
    Column("outcome", "OUTCOME", "outcome", 1, about="how the last run went, or never, running, queued"),
    Column("reason", "REASON", is_shown=False, about="why that is its outcome, a sentence"),
    Column("last_started_at", "WHEN", "time", 2, about="when the last run began"),
    Column("last_finished_at", "FINISHED", "time", is_shown=False, about="when the last run ended"),
    Column("duration_seconds", "TOOK", "seconds", 5, about="how long the last run took"),
    Column("versions_count", "VERS.", "number", 6, about="how many versions can be restored"),
    Column("source_bytes", "SOURCE", "size", is_shown=False, about="size of the sources at the last run"),
    Column("destination_bytes", "SIZE", "size", 4, about="size of what lies at the destination"),
    Column("next_run_at", "NEXT RUN", "time", 3, about="when the server will start it by itself"),
)
_TASKS = (
    Column("task_id", "TASK", "id", 0, about="number of the task, good until the server restarts"),
    Column("status", "STATUS", "outcome", 1, about="running, waiting, failed, or ended, which is no success yet"),
    Column("operation", "OPERATION", "text", 3, about="what is done, in the server's word"),
    Column("backup_id", "BACKUP ID", "text", is_shown=False, about="number of the backup it is about"),
    Column("backup_name", "BACKUP", "text", 0, about="name of that backup"),
    Column("started_at", "STARTED", "time", 2, about="when it began"),
    Column("finished_at", "FINISHED", "time", 4, about="when it ended"),
)
_VERSIONS = (
    Column("version", "VERSION", "id", 0, about="number of the version, 0 is the newest"),
    Column("created_at", "CREATED", "time", 0, about="when it was made"),
    Column("is_full", "WHOLE", "flag", 3, about="whether its run read every source to its end"),
    Column("files_count", "FILES", "number", 1, about="how many files it holds"),
    Column("files_bytes", "SIZE", "size", 2, about="size of these files"),
)
_NOTIFICATIONS = (
    Column("notification_id", "ID", "id", 0, about="number of the notification"),
    Column("created_at", "WHEN", "time", 2, about="when it was made"),
    Column("kind", "KIND", "outcome", 1, about="Information, Warning or Error"),
    Column("title", "TITLE", "text", 0, about="its heading"),
    Column("message", "MESSAGE", "text", 3, about="what it says"),
    Column("backup_id", "BACKUP ID", "text", is_shown=False, about="number of the backup it is about"),
    Column("exception", "EXCEPTION", is_shown=False, about="the server's trace"),
)
_LOGS = (
    Column("logged_at", "WHEN", "time", 0, about="when it was written"),
    Column("level", "LEVEL", "outcome", 1, about="the server's word for its weight, or the result of an operation"),
    Column("source", "SOURCE", "text", 2, about="where it comes from: an operation, a backup, the server"),
    Column("message", "MESSAGE", "text", 0, about="what it says"),
    Column("exception", "EXCEPTION", is_shown=False, about="the server's trace"),
)
_SETTINGS = (
    Column("name", "NAME", "id", 0, about="name of the setting"),
    Column("value", "VALUE", "text", 0, about="its value; a secret is hidden"),
)
_CONTEXTS = (
    Column("name", "NAME", "id", 0, about="name of the context"),
    Column("is_current", "CURRENT", "flag", 1, about="whether commands mean it if they name no server"),
    Column("url", "URL", "text", 2, about="address of the server"),
    Column("session", "SESSION", "text", 1, about="alive, renewable, ended, none, unknown or keyring"),
    Column("session_ends_at", "ENDS", "time", 5, about="when the session ends unless it is used before"),
    Column("generation", "GENERATION", "text", 6, False, about="modern (tokens) or legacy (cookies), of the session"),
    Column("version", "RELEASE", "text", 4, about="the server's version, if this session has asked for it"),
    Column("password_from", "PASSWORD", "text", 3, about="where the next login finds the password; null if it asks"),
)
_RUNS = (
    Column("began_at", "WHEN", "time", 0, about="when the run began"),
    Column("outcome", "OUTCOME", "outcome", 0, about="how it went"),
    Column("reason", "REASON", "text", 1, about="why that is its outcome, a sentence"),
    Column("detail", "DETAIL", "text", 2, about="the first error or warning it gave"),
)
COMPLETION_SCRIPTS = (
    Column("path", "FILE", "id", 0, about="path of the file"),
    Column("action", "WHAT", "text", 1, about="what was done to it, or would be"),
)

# Columns by kind of listing; where a verb has its own, their module and name in it.
_COLUMNS: Mapping[str, Sequence[Column] | str] = {
    "backups": _BACKUPS,
    "tasks": _TASKS,
    "versions": _VERSIONS,
    "notifications": _NOTIFICATIONS,
    "logs": _LOGS,
    "settings": _SETTINGS,
    "contexts": _CONTEXTS,
    "runs": _RUNS,
    "scripts": COMPLETION_SCRIPTS,
    "values": "commands.config.COLUMNS",
    "diagnoses": "commands.doctor.SERVERS",
    "steps": "commands.doctor.STEPS",
    "daemon-tasks": "daemon.tasks.COLUMNS",
    "journal-records": "daemon.journal.COLUMNS",
    "round": "daemon.once.COLUMNS",
}
KINDS = tuple(_COLUMNS)


def columns_of(kind: str) -> Sequence[Column]:
    """Return the columns of a kind of listing, none for what is not listed; may load the verb that lists it."""
    found = _COLUMNS.get(kind, ())
    if isinstance(found, str):
        from importlib import import_module  # noqa: PLC0415 - only where columns are looked up by name

        module, _, name = found.rpartition(".")
        return tuple(getattr(import_module(f".{module}", __package__), name))
    return found


def list_backups(backups: Sequence[BackupSummary]) -> Listing:
    """Return backups; the records are the rows, which keeps a long list quick."""
    return Listing("backups", _BACKUPS, backups)


def list_ids(backups: Sequence[Backup]) -> Listing:
    """Return which backups there are, and no more."""
    return Listing("backups", _BACKUPS[:1], [(backup.backup_id,) for backup in backups])


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


def list_contexts(contexts: Sequence[ContextSummary]) -> Listing:
    """Return the servers that are remembered here."""
    return Listing("contexts", _CONTEXTS, contexts)


def list_runs(runs: Iterable[PastRun]) -> Listing:
    """Return the last runs of a backup."""
    return Listing("runs", _RUNS, _pick(_RUNS, runs))


def _pick(columns: Sequence[Column], records: Iterable[object]) -> list[tuple[object, ...]]:
    names = [column.name for column in columns]
    return [tuple(getattr(record, name) for name in names) for record in records]
