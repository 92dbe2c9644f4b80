"""Have a backup's local database tidied."""

from __future__ import annotations

from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask
from ..sdk.models import Backup


def start(server: Duplicati, backup: Backup, baseline: Baseline | None = None) -> StartedTask:
    """Ask for the tidying; a repeat does no harm."""
    return server.maintenance.vacuum(backup.backup_id, baseline)
