"""Change fields of backups, or settings of the server, by name: all of them or, if one cannot be, none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..sdk.options import read_options
from ..sdk.settings import PROTECTED
from .assignments import Assignment, make_assignments, refuse_typed_secret
from .changes import NEW_SECRET, Change
from .edit import Draft, check, read_draft
from .masking import hide_settings, is_secret_name
from .selection import select_backups, suggest
from .values import check_option, check_value, is_true

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..sdk.client import Duplicati
    from ..sdk.options import KnownOption
    from .definition import Fields

# Servers tell no types of their own settings; these are read so by all releases (API reference, 3.10).
_KINDS = {
    "max-upload-speed": "Size",
    "max-download-speed": "Size",
    "startup-delay": "Timespan",
    "disable-tray-icon-login": "Boolean",
    "server-disable-https": "Boolean",
    "remote-control-enabled": "Boolean",
    "disable-console-control": "Boolean",
    "enable-folder-status-service": "Boolean",
    "use-out-of-process-controller": "Boolean",
}


class SettingsPlan(NamedTuple):
    """What is to be stored by name, None to take a default of all backups away, and what that changes."""

    values: Mapping[str, str | None]
    changes: tuple[Change, ...]


class SettingsChanged(NamedTuple):
    """What became of it; `adjusted` is where the server keeps something else than it was sent."""

    is_sent: bool
    changes: tuple[Change, ...]
    adjusted: tuple[Change, ...] = ()


def plan_backups(
    server: Duplicati, selectors: Sequence[str], assignments: Sequence[Assignment], *, is_unchecked: bool = False
) -> list[tuple[Draft, Fields]]:
    """Return each backup with the fields it is to have; nothing is sent. Raises `BackupNotFound`, `InvalidValue`."""
    backups = select_backups(server.backups.list(), selectors)
    if len(backups) > 1 and any(assignment.field == "name" for assignment in assignments):
        raise errors.UsageInvalid("several backups cannot have one name", hint="name one backup")
    now_at, plans = datetime.now(UTC), []
    for backup in backups:
        draft = read_draft(server, backup.backup_id)
        for assignment in assignments:
            refuse_typed_secret(assignment, draft.secret_options)
        try:
            fields = make_assignments(draft.fields, assignments, draft.options, now_at)
            check(draft, fields, is_unchecked=is_unchecked, now_at=now_at)
        except errors.InvalidValue as exc:
            message = f"“{draft.name}”: {exc.message}" if len(backups) > 1 else exc.message
            raise errors.InvalidValue(message, hint=exc.hint) from exc
        plans.append((draft, fields))
    return plans


def plan_settings(server: Duplicati, assignments: Sequence[Assignment], *, is_unchecked: bool = False) -> SettingsPlan:
    """Return what is to be stored; nothing is sent. Raises `InvalidValue` for a name or value the server lacks."""
    known, options = server.settings.list(), read_options(server.system.raw)
    values: dict[str, str | None] = {}
    for assignment in assignments:
        name = _name_setting(assignment.field, known, options, is_unchecked=is_unchecked)
        if name in values:
            raise errors.UsageInvalid(f"{name} is given twice")
        if assignment.deed not in ("=", "-"):
            raise errors.UsageInvalid(f"{name} is no list", hint=f"{name}=VALUE")
        if assignment.is_typed and assignment.value and is_secret_name(name, server.system.secret_options):
            refuse_typed_secret(assignment._replace(field=f"settings.{name}"), server.system.secret_options)
        values[name] = _read_setting(name, assignment.value, options, is_unchecked=is_unchecked)
    changes = _compare(known, values)
    return SettingsPlan({change.field: values[change.field] for change in changes}, changes)


def _name_setting(
    name: str, known: Mapping[str, str], options: Mapping[str, KnownOption], *, is_unchecked: bool
) -> str:
    """Return the name as the server stores it; that of a backup's option becomes the default of all backups."""
    if name.lower() in PROTECTED:
        raise errors.InvalidValue(f"“{name}” is not changed this way: the server keeps it to itself")
    if name in known:
        return name
    option = options.get(name.lstrip("-").lower())
    if option is not None:
        return f"--{option.name}"
    if is_unchecked:
        return name
    near = suggest(name, [*(n for n in known if n not in PROTECTED), *options])
    raise errors.InvalidValue(f"the server has no setting “{name}”", hint=near or "duplicati list settings")


def _read_setting(name: str, value: str, options: dict[str, KnownOption], *, is_unchecked: bool) -> str | None:
    if not value:
        return None if name.startswith("--") else ""
    if is_unchecked:
        return value
    kind = _KINDS.get(name, "")
    try:
        check_value(value, kind)
    except errors.InvalidValue as exc:
        raise errors.InvalidValue(f"{name}: {exc.message}", hint=exc.hint) from exc
    if name.startswith("--"):
        check_option(name, value, options)
    # Servers write them so (2.3.1.0 settings:2).
    return str(is_true(value)) if kind == "Boolean" else value


def _compare(known: Mapping[str, str], values: Mapping[str, str | None]) -> tuple[Change, ...]:
    before = hide_settings(known)
    changed = [name for name, value in values.items() if (known.get(name) or None) != (value or None)]
    shown = {name: NEW_SECRET if values[name] and is_secret_name(name) else values[name] for name in changed}
    return tuple(Change(name, before.get(name) or None, shown[name] or None) for name in changed)


def send_settings(server: Duplicati, plan: SettingsPlan) -> SettingsChanged:
    """Store them in one request, read them back, and say what is true."""
    if not plan.values:
        return SettingsChanged(False, ())
    server.settings.change(plan.values)
    kept = server.settings.list()
    sent = {name: value for name, value in plan.values.items() if value is not None}
    told = {name: kept.get(name) for name in plan.values}
    return SettingsChanged(True, plan.changes, _compare(sent, told))
