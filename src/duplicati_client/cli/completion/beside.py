"""Names as a task server knows them: of its daemons, and of the backups beside one; no daemon is asked."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ..distance.inventory import find_backups
from ..fleets import open_target
from .cache import Name

if TYPE_CHECKING:
    from ..call import Call
    from ..context import Place, Target


def list_daemons(call: Call, target: Target) -> list[Name]:
    """Return the daemons of a task server as contexts."""
    with closing(open_target(call, target)) as fleet:
        return [
            Name(f"{target.label}/{daemon.name}", f"daemon, {daemon.presence}")
            for daemon in fleet.list_daemons()
            if daemon.state == "active"
        ]


def list_backups(call: Call, target: Target, place: Place) -> list[tuple[str, str]]:
    """Return name and id of each backup that the daemon has told of."""
    with closing(open_target(call, target)) as fleet:
        found = find_backups(fleet.get_daemon(place.daemon), place.alias)
        return [(backup.name, backup.backup_id) for backup in found or ()]
