"""Have a backup's wasted space at the destination given back."""

from __future__ import annotations

from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask
from ..sdk.models import Backup


def start(server: Duplicati, backup: Backup, baseline: Baseline | None = None) -> StartedTask:
    """Ask for the compacting; a repeat finds nothing left to do."""
    return server.maintenance.compact(backup.backup_id, baseline)
