"""Read logs, of a backup or of the server, once or as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from .. import errors
from ..sdk.client import Duplicati
from ..sdk.models import Backup, LogRow, ServerLogEntry
from .masking import hide_text

_FOLLOW_SECONDS = 2.0
_PATIENCE_SECONDS = 600.0


class LogLine(NamedTuple):
    """One line of any log; `level` is the server's word, or the result of an operation."""

    logged_at: datetime | None
    level: str
    message: str
    exception: str | None
    source: str
    raw: object


def read(server: Duplicati, backup: Backup | None, *, count: int = 50) -> list[LogLine]:
    """Return the newest lines, oldest first."""
    if backup is None:
        lines = [_from_entry(entry) for entry in server.logs.of_server(count=count)]
    else:
        lines = [_from_row(row) for row in server.logs.of_backup(backup.backup_id, count=count)]
    return lines[::-1]


def follow(
    server: Duplicati,
    backup: Backup | None,
    *,
    level: str = "Information",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LogLine | None]:
    """Yield lines of the live log as they come, None when there are none; goes on over restarts of the server."""
    last_id, away_since = 0, None
    while True:
        try:
            # After an absence everything is asked for: the numbers start again with the server, if it was restarted.
            entries = server.logs.live(after_entry_id=last_id if away_since is None else 0, level=level)
            if max((entry.entry_id for entry in entries), default=last_id) < last_id:
                last_id = 0
            away_since = None
        except errors.DuplicatiClientError as exc:
            away_since = clock() if away_since is None else away_since
            if not exc.is_retryable or clock() - away_since > _PATIENCE_SECONDS:
                raise
            entries = []
        for entry in entries:
            if entry.entry_id > last_id and (backup is None or entry.backup_id == backup.backup_id):
                yield _from_entry(entry)
        last_id = max((entry.entry_id for entry in entries), default=last_id)
        yield None
        sleep(_FOLLOW_SECONDS)


def _from_entry(entry: ServerLogEntry) -> LogLine:
    source = f"backup {entry.backup_id}" if entry.backup_id else "server"
    return _make_line(entry, entry.level, entry.message, source)


def _from_row(row: LogRow) -> LogLine:
    if row.kind != "Result":
        return _make_line(row, row.kind, row.message, "")
    try:
        result = json.loads(row.message)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict):
        return _make_line(row, row.kind, row.message, "")
    operation = str(result.get("MainOperation") or "?")
    return _make_line(row, str(result.get("ParsedResult") or "Unknown"), _summarise(result), operation)


def _make_line(entry: ServerLogEntry | LogRow, level: str, message: str, source: str) -> LogLine:
    exception = hide_text(entry.exception) if entry.exception is not None else None
    return LogLine(entry.logged_at, level, hide_text(message), exception, source, entry.raw)


def _summarise(result: dict[str, object]) -> str:
    counts = [
        (word, result.get(f"{key}ActualLength")) for word, key in (("errors", "Errors"), ("warnings", "Warnings"))
    ]
    parts = [f"{count} {word}" for word, count in counts if isinstance(count, int) and count]
    files = result.get("ExaminedFiles")
    parts += [f"{files} files examined"] if isinstance(files, int) and files else []
    parts += [f"took {result['Duration']}"] if isinstance(result.get("Duration"), str) else []
    return ", ".join(parts) or "done"
