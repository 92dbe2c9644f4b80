"""Which backups the resources of a task name: as the selectors of the command line, but an id is only ever an id."""

from __future__ import annotations

from collections.abc import Sequence

from .. import errors
from ..protocol.task import Resource
from ..sdk.models import Backup
from .selection import is_pattern, match_backups, select_backup, select_backups


def name_resource(resource: Resource) -> str | None:
    """Return what it is called by, None for a resource that only says its type."""
    return resource.resource_id if resource.resource_id is not None else resource.name


def find_backups(backups: Sequence[Backup], resources: Sequence[Resource], *, takes_many: bool = False) -> list[Backup]:
    """Return what they name, each once, in their order; patterns only where the verb takes many.

    Raises `BackupNotFound`, `AmbiguousName`, and `UsageInvalid` for a resource that names nothing.
    """
    found: dict[str, Backup] = {}
    for resource in resources:
        matched = _find(backups, resource, takes_many=takes_many)
        found.update({backup.backup_id: backup for backup in matched})
    return list(found.values())


def find_backup(backups: Sequence[Backup], resource: Resource) -> Backup:
    """Return the one backup that it names."""
    return find_backups(backups, [resource])[0]


def _find(backups: Sequence[Backup], resource: Resource, *, takes_many: bool) -> list[Backup]:
    if resource.resource_id is not None:
        return [select_backup([b for b in backups if b.backup_id == resource.resource_id], resource.resource_id)]
    if resource.name is None:
        raise errors.UsageInvalid("which backup?", hint='{"Type": "backup", "ID": 1}, or its Name')
    name = resource.name
    known = [backup for backup in backups if backup.backup_id != name or backup.name == name]
    if takes_many:
        return select_backups(known, [name])
    found = select_backup(known, name)
    if is_pattern(name) and found.name.casefold() != name.casefold():
        raise errors.BackupNotFound(f"there is no backup “{name}”", hint="a pattern is for verbs that take many")
    return match_backups([found], name)
