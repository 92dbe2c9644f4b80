"""What happened: a backup's own log, the server's stored errors and its live log."""

from __future__ import annotations

from .. import errors
from ..http import LIST_ANSWER_BYTES
from . import answers
from .channel import Channel, Query
from .models import LogRow, ServerLogEntry

LEVELS = ("ExplicitOnly", "Profiling", "Verbose", "Retry", "Information", "DryRun", "Warning", "Error")


class Logs:
    """Rows and lines, read in pages."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def of_backup(self, backup_id: str, *, count: int = 100, before_row_id: int | None = None) -> list[LogRow]:
        """Read rows of a backup's log, newest first; the server gives 10 to 500 at once.

        Raises `DatabaseLocked` while a task of the backup runs (2.3.1). A backup that never ran has none.
        """
        path = f"api/v1/backup/{answers.backup_id(backup_id)}/log"
        query = {"pagesize": min(500, max(10, count)), "offset": before_row_id}
        try:
            raw = self._channel.get(path, "the log", query=query, max_bytes=LIST_ANSWER_BYTES)
        except errors.ServerFailed as exc:
            if not self._channel.is_legacy or "no such table" not in exc.message:
                raise
            return []  # no database yet (2.0.8.1 configuring-backups:153)
        return [LogRow.read(item) for item in answers.sequence(raw, "the log")][:count]

    def of_server(self, *, count: int = 100) -> list[ServerLogEntry]:
        """Read the errors that the server has stored, newest first."""
        query = {"pagesize": min(500, max(10, count))}
        raw = self._channel.get("api/v1/logdata/log", "the server's log", query=query, max_bytes=LIST_ANSWER_BYTES)
        return [ServerLogEntry.read(item) for item in answers.sequence(raw, "the server's log")][:count]

    def live(self, *, after_entry_id: int = 0, level: str = "Information", count: int = 500) -> list[ServerLogEntry]:
        """Read lines of the live log above a number, oldest first; start with 0 and ask at least every 25 s.

        Asking raises what the server records to that level for 30 s (API reference, 3.14). Numbers restart with the
        server.
        """
        if level not in LEVELS:
            raise errors.InvalidValue(f"there is no log level {level}", hint="levels: " + ", ".join(LEVELS))
        query: Query = {"level": level, "id": after_entry_id, "pagesize": count}
        raw = self._channel.get("api/v1/logdata/poll", "the live log", query=query, max_bytes=LIST_ANSWER_BYTES)
        return [ServerLogEntry.read(item) for item in answers.sequence(raw, "the live log")]
