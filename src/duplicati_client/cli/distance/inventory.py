"""What a task server knows of the backups beside a daemon, as the same records that a listing has."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...operations.list import BackupSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...fleet.models import FleetDaemon

_REASON = "As the daemon told it."


def list_aliases(daemon: FleetDaemon) -> list[str]:
    """Return the names of the servers beside a daemon, as far as it has told them."""
    told = [server.get("Alias") for server in _list_servers(daemon)]
    return [alias for alias in told if isinstance(alias, str)]


def find_backups(daemon: FleetDaemon, alias: str | None) -> list[BackupSummary] | None:
    """Return the backups of one server; None where the daemon has told none, or not all."""
    for server in _list_servers(daemon):
        if alias is None or server.get("Alias") == alias:
            told = server.get("Backups")
            if not isinstance(told, list) or server.get("Truncated") is True:
                return None
            return [_read(backup) for backup in told if isinstance(backup, dict)]
    return None


def _list_servers(daemon: FleetDaemon) -> list[Mapping[str, Any]]:
    servers = (daemon.inventory or {}).get("Servers")
    return [server for server in servers if isinstance(server, dict)] if isinstance(servers, list) else []


def _read(told: Mapping[str, Any]) -> BackupSummary:
    """What is of another type than it should be is not known."""
    return BackupSummary(
        backup_id=_text(told, "ID"),
        name=_text(told, "Name"),
        outcome=_text(told, "Outcome") or "unknown",
        reason=_REASON,
        last_started_at=_time(told, "LastStarted"),
        last_finished_at=_time(told, "LastFinished"),
        duration_seconds=_number(told, "DurationSeconds"),
        versions_count=_count(told, "Versions"),
        source_bytes=_count(told, "SourceBytes"),
        destination_bytes=_count(told, "DestinationBytes"),
        next_run_at=_time(told, "NextRun"),
    )


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _number(told: Mapping[str, Any], name: str) -> float | None:
    value = told.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(told: Mapping[str, Any], name: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(told, name))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
