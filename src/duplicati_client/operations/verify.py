"""Have samples of a backup's data at the destination tested."""

from __future__ import annotations

from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, StartedTask
from ..sdk.models import Backup


def start(server: Duplicati, backup: Backup, baseline: Baseline | None = None) -> StartedTask:
    """Ask for the test; a repeat tests once more."""
    return server.maintenance.verify(backup.backup_id, baseline)
