"""The server's two logs of its own: stored errors, and the live log, which keeps more while someone listens."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from ..clock import Clock, with_offset

LEVELS = ("ExplicitOnly", "Profiling", "Verbose", "Retry", "Information", "DryRun", "Warning", "Error")
LISTENING_SECONDS = 30
UNHEARD_ENTRIES = 30
HEARD_ENTRIES = 5000


class LiveLog:
    """A ring of the latest entries of every level: 30 when nobody listens, 5000 while someone polls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=HEARD_ENTRIES)
        self._last_id = 0
        self._listened_at: datetime | None = None

    def _is_heard(self) -> bool:
        if self._listened_at is None:
            return False
        return (self._clock.now() - self._listened_at).total_seconds() < LISTENING_SECONDS

    def write(self, level: str, tag: str, message: str, *, backup_id: str | None, task_id: int | None) -> None:
        """Record an entry."""
        self._last_id += 1
        entry = {
            "When": with_offset(self._clock.now()),
            "ID": self._last_id,
            "Message": message,
            "Tag": f"{level}-{tag}",
            "MessageID": tag.rpartition("-")[2],
            "ExceptionID": None,
            "Type": level,
            "Exception": None,
            "BackupID": backup_id,
            "TaskID": None if task_id is None else str(task_id),
        }
        self._entries.append(entry)
        while not self._is_heard() and len(self._entries) > UNHEARD_ENTRIES:
            self._entries.popleft()

    def read(self, level: str, after_id: int, page_size: int) -> list[dict[str, Any]]:
        """Return the newest entries above an id, oldest first; for half a minute more of them are kept."""
        wanted = LEVELS.index(level)
        self._listened_at = self._clock.now()
        found = [item for item in self._entries if item["ID"] > after_id and LEVELS.index(item["Type"]) >= wanted]
        return found[-page_size:]


class ServerLog:
    """Stored errors of the server, as `logdata/log` shows them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, at: datetime, message: str, exception: str, backup_id: str | None) -> None:
        """Store an error."""
        number: Any = int(backup_id) if backup_id and backup_id.isdigit() else {}
        row = {"BackupID": number, "Message": message, "Exception": exception, "Timestamp": int(at.timestamp())}
        self.rows.append(row)

    def read(self, before: int | None, page_size: int) -> list[dict[str, Any]]:
        """Return rows strictly older than an epoch second, newest second first, each second in order of writing."""
        found = [row for row in self.rows if before is None or row["Timestamp"] < before]
        return sorted(found, key=lambda row: -row["Timestamp"])[:page_size]
