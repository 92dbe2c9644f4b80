"""What there is on the Duplicati servers, as far as it is known; sent to the task server, and asked by the policy.

It holds names, times and sizes, and neither secrets nor the addresses of destinations.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .. import errors
from ..operations.list import BackupSummary, list_backups
from ..protocol import codec
from ..sdk.client import Duplicati
from .link import Link

SEND_SECONDS = 300.0
_BACKUPS_COUNT = 2000
_NAME_CHARACTERS = 1024


class Inventory:
    """Keeps what was seen of each server last; safe to use from several threads."""

    def __init__(self, aliases: Iterable[str]) -> None:
        self._servers: dict[str, dict[str, Any]] = {alias: {"Alias": alias, "Reachable": None} for alias in aliases}
        self._names: dict[str, Mapping[str, str]] = {}
        self._lock = threading.Lock()
        self._sent: tuple[str, str | None] | None = None
        self._sent_at: float | None = None

    def look(self, alias: str, server: Duplicati) -> errors.DuplicatiClientError | None:
        """Look at a server again and return why that was not possible; what was seen before stays then."""
        try:
            version, backups = server.system.version, list_backups(server)
        except errors.DuplicatiClientError as exc:
            self.note_failure(alias, exc)
            return exc
        seen = {"Reachable": True, "Version": version[:_NAME_CHARACTERS]}
        told = [_describe(backup) for backup in backups[:_BACKUPS_COUNT]]
        self._update(alias, {**seen, "Backups": told, **({"Truncated": True} if len(backups) > len(told) else {})})
        with self._lock:
            self._names[alias] = {backup.backup_id: backup.name for backup in backups}
        return None

    def note_failure(self, alias: str, failure: errors.DuplicatiClientError) -> None:
        """Take note that a server cannot be looked at; what was seen before stays."""
        self._update(alias, {"Reachable": False, "Code": failure.code})

    def find_names(self, alias: str) -> Mapping[str, str]:
        """Return the names of a server's backups by their ids, as far as they are known; nobody is asked."""
        with self._lock:
            return self._names.get(alias, {})

    def encode(self) -> dict[str, Any]:
        """Write it as the protocol does."""
        with self._lock:
            return {"Servers": [dict(server) for server in self._servers.values()]}

    def send_if_changed(self, link: Link, at_seconds: float) -> bool:
        """Send it at the start and when it changed, once in five minutes at most; say whether it was sent.

        Raises `LinkFailed`; it is sent again the next time then. `at_seconds` is a clock's that only runs forward.
        """
        if link.level != 1 or (self._sent_at is not None and at_seconds - self._sent_at < SEND_SECONDS):
            return False
        members = self.encode()
        mark = codec.digest(members), link.epoch
        if mark == self._sent:
            return False
        link.put_inventory(members)
        self._sent, self._sent_at = mark, at_seconds
        return True

    def _update(self, alias: str, seen: Mapping[str, Any]) -> None:
        with self._lock:
            known = {name: value for name, value in self._servers[alias].items() if name not in ("Code", "Truncated")}
            self._servers[alias] = {**known, **seen}


def _describe(backup: BackupSummary) -> dict[str, Any]:
    """Pick members by name: a summary may get more of them, and some day one that is nobody else's business."""
    members = {
        "ID": backup.backup_id,
        "Name": backup.name[:_NAME_CHARACTERS],
        "Outcome": str(backup.outcome),
        "LastStarted": _write_time(backup.last_started_at),
        "LastFinished": _write_time(backup.last_finished_at),
        "DurationSeconds": backup.duration_seconds,
        "Versions": backup.versions_count,
        "SourceBytes": backup.source_bytes,
        "DestinationBytes": backup.destination_bytes,
        "NextRun": _write_time(backup.next_run_at),
    }
    return {name: value for name, value in members.items() if value is not None}


def _write_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
