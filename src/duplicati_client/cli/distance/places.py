"""Which servers beside which daemons are meant, by labels or patterns; asks the task server for its daemons."""

from __future__ import annotations

from contextlib import closing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ... import errors
from ..context import Place, Target
from ..fleets import open_target
from ..task_server.labels import read_labels
from .inventory import list_aliases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...fleet.client import Fleet
    from ...fleet.models import FleetDaemon
    from ..call import Call


def pick_places(call: Call, fleet_target: Target, picked: str) -> list[Target]:
    """Return every server beside the daemons that `NAME=VALUE[,NAME=VALUE][/ALIAS]` or `PATTERN[/ALIAS]` picks."""
    text, _, alias = picked.partition("/")
    labels = read_labels(text.split(",")) if "=" in text else {}
    if not all(labels.values()):
        raise errors.UsageInvalid(f"{text} has a label without a value", hint="NAME=VALUE, with commas between several")
    with closing(open_target(call, fleet_target)) as fleet:
        daemons = [
            daemon
            for daemon in fleet.list_daemons(labels)
            if daemon.state == "active" and (labels or fnmatchcase(daemon.name, text))
        ]
        targets = [target for daemon in daemons for target in _make_targets(fleet, fleet_target, daemon, alias)]
    if not targets:
        hint = f"duplicati task-server daemons --context {fleet_target.label}"
        raise errors.NotFound(f"no daemon of {fleet_target.label} fits {picked}", hint=hint)
    return targets


def _make_targets(fleet: Fleet, fleet_target: Target, daemon: FleetDaemon, pattern: str) -> Iterator[Target]:
    """A daemon with one server needs no alias in its name."""
    label = f"{fleet_target.label}/{daemon.name}"
    aliases = list_aliases(fleet.get_daemon(daemon.daemon_id))
    if not pattern and len(aliases) < 2:
        yield fleet_target._replace(label=label, place=Place(daemon.daemon_id))
        return
    for alias in aliases:
        if not pattern or fnmatchcase(alias, pattern):
            yield fleet_target._replace(label=f"{label}/{alias}", place=Place(daemon.daemon_id, alias))
