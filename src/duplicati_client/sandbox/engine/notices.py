"""The notifications of a server: who gets a new one, who an old one renewed, and which vanish by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..clock import whole_seconds


class Notices:
    """The list of notifications; a new one gets the number after the highest that is left."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def add(self, kind: str, title: str, message: str, at: datetime, **more: Any) -> dict[str, Any]:
        """Add a notification; `more` are further members under their names on the wire."""
        notice = {
            "ID": max((item["ID"] for item in self.items), default=0) + 1,
            "Type": kind,
            "Title": title,
            "Message": message,
            "Exception": "",
            "BackupID": None,
            "Action": "",
            "Timestamp": whole_seconds(at),
            "LogEntryID": None,
            "MessageID": None,
            "MessageLogTag": None,
        }
        notice.update(more)
        self.items.append(notice)
        return notice

    def warn_of_unencrypted_database(self, at: datetime) -> None:
        """Add the warning that a fresh server begins with (2.3.1.0 auth:33)."""
        self.add(
            "Warning",
            "Unencrypted database",
            "The database is not encrypted. This is a security risk and should be fixed as soon as possible.",
            at,
            Action="config:issue:unencrypted-database",
            MessageID="UnencryptedDatabase",
        )

    def renew(self, kind: str, title: str, message: str, at: datetime, **more: Any) -> None:
        """Add a notification of a failed operation, replacing the oldest one of its backup.

        The number may come back: 2.3.1.0 outcomes:347, 553."""
        old = [item for item in self.items if item["BackupID"] == more.get("BackupID")]
        for item in old[:1]:
            self.items.remove(item)
        self.add(kind, title, message, at, **more)

    def find(self, notice_id: int) -> dict[str, Any] | None:
        """Return one notification or None."""
        return next((item for item in self.items if item["ID"] == notice_id), None)

    def remove(self, notice_id: int) -> bool:
        """Remove one notification; False when there is none."""
        found = self.find(notice_id)
        if found:
            self.items.remove(found)
        return found is not None

    def remove_of(self, backup_id: str) -> bool:
        """Remove all notifications of a backup; False when it had none."""
        kept = [item for item in self.items if item["BackupID"] != backup_id]
        had_some = len(kept) != len(self.items)
        self.items = kept
        return had_some

    def has(self, kind: str) -> bool:
        """Say whether a notification of this kind is there."""
        return any(item["Type"] == kind for item in self.items)
