"""Which backups a person means: by id, by name, by pattern."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import errors
from ..sdk.models import Backup

_PATTERN_MARKS = "*?["


def is_pattern(selector: str) -> bool:
    """Say whether a selector may fit several names."""
    return any(mark in selector for mark in _PATTERN_MARKS)


def select_backup(backups: Sequence[Backup], selector: str) -> Backup:
    """Return the one backup meant; raises `BackupNotFound`, and `AmbiguousName` listing those that fit."""
    found = match_backups(backups, selector)
    if len(found) > 1:
        names = ", ".join(f"{backup.backup_id} ({backup.name})" for backup in found[:10])
        raise errors.AmbiguousName(f"“{selector}” fits {len(found)} backups: {names}")
    return found[0]


def select_backups(backups: Sequence[Backup], selectors: Iterable[str]) -> list[Backup]:
    """Return all that any selector fits, each once, in the order of the selectors; raises `BackupNotFound`."""
    found: dict[str, Backup] = {}
    for selector in selectors:
        matched = match_backups(backups, selector)
        if len(matched) > 1 and not is_pattern(selector):
            select_backup(backups, selector)
        found.update({backup.backup_id: backup for backup in matched})
    return list(found.values())


def match_backups(backups: Sequence[Backup], selector: str) -> list[Backup]:
    """Return those that fit: id and exact name first, then the name without regard to case, then the pattern."""
    exact = [backup for backup in backups if selector in (backup.backup_id, backup.name)]
    if exact:
        return exact
    folded = [backup for backup in backups if backup.name.casefold() == selector.casefold()]
    if folded:
        return folded
    if is_pattern(selector):
        from fnmatch import fnmatchcase  # noqa: PLC0415 - only for patterns

        fitting = [b for b in backups if fnmatchcase(b.name.casefold(), selector.casefold())]
        if fitting:
            return fitting
    raise errors.BackupNotFound(f"there is no backup “{selector}”", hint=suggest(selector, [b.name for b in backups]))


def suggest(wanted: str, known: Iterable[str]) -> str | None:
    """Return a question that offers the nearest of the known names, or None where none is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    close = get_close_matches(wanted, list(known), n=1)
    return f"did you mean “{close[0]}”?" if close else None
