"""Bring a backup's local database and its destination together again."""

from __future__ import annotations

from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask
from ..sdk.models import Backup


def start(server: Duplicati, backup: Backup, baseline: Baseline | None = None) -> StartedTask:
    """Ask for the repair; a repeat finds nothing left to do."""
    return server.maintenance.repair(backup.backup_id, baseline)
