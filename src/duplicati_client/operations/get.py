"""Read one thing whole, without its secrets."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..sdk.client import Duplicati
from .masking import hide_definition, hide_settings
from .selection import select_backup, suggest

KINDS = ("backup", "task", "notification", "setting")


def get(server: Duplicati, kind: str, selector: str) -> Any:
    """Return the server's own JSON of a backup, task, notification or setting; raises `NotFound`."""
    if kind == "backup":
        return get_backup(server, selector)
    if kind == "task":
        task = server.tasks.get(_number(selector, "task"))
        return hide_definition({**task.raw, "ID": task.task_id}, frozenset())
    if kind == "notification":
        wanted = _number(selector, "notification")
        found = [n.raw for n in server.notifications.list() if n.notification_id == wanted]
        if not found:
            raise errors.NotFound(f"there is no notification {wanted}", hint="duplicati list notifications")
        return hide_definition(dict(found[0]), frozenset())
    if kind == "setting":
        return _get_setting(server, selector)
    raise errors.UsageInvalid(f"a {kind} cannot be read alone", hint="it can be one of: " + ", ".join(KINDS))


def get_backup(server: Duplicati, selector: str) -> Any:
    """Return a backup's definition, secrets hidden."""
    backup = server.backups.get(select_backup(server.backups.list(), selector).backup_id)
    return hide_definition(dict(backup.raw), server.system.secret_options)


def _get_setting(server: Duplicati, name: str) -> Any:
    settings = server.settings.list()
    if name not in settings:
        hint = suggest(name, settings) or "duplicati list settings"
        raise errors.NotFound(f"the server has no setting “{name}”", hint=hint)
    return hide_settings({name: settings[name]})


def _number(selector: str, kind: str) -> int:
    if not selector.isascii() or not selector.isdigit() or len(selector) > 17:
        raise errors.InvalidValue(f"a {kind} has a number, not “{selector}”", hint=f"duplicati list {kind}s")
    return int(selector)
