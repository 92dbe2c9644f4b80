"""What is left to do of something that is done at once, so that it is known after an interruption; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from ..sdk.client import Duplicati
from . import edit
from . import set as setting
from .perform import Request, read_wanted
from .resource import find_backups, name_resource

Left = list[Any]
"""Plain values, one for each thing that is not yet as it should be; empty where all is done."""

_DIGEST_CHARACTERS = 32


def find_left(server: Duplicati, request: Request) -> Left | None:
    """Return what is left to do; None for an operation of which no server can tell that."""
    find = _FIND.get(request.operation)
    return None if find is None else find(server, request)


def is_reached(request: Request, before: Left, left: Left) -> bool:
    """Say whether it is as it should be, given what was left to do before it was tried."""
    if request.operation != "pause":
        return not left
    is_plain = not request.get("duration") and not request.get("transfers")
    return bool(left[0][0]) and (is_plain or left != before)


def may_repeat(request: Request, before: Left, left: Left) -> bool:
    """Say whether doing it undoes no change that somebody else has made meanwhile."""
    if request.operation == "dismiss":
        return all(item in before for item in left)
    return left == before


def _find_pause(server: Duplicati, request: Request) -> Left:
    state = server.state.get()
    ends_at = state.pause_ends_at if state.is_paused else None
    return [[state.is_paused, ends_at.isoformat() if ends_at is not None else None]]


def _find_resume(server: Duplicati, request: Request) -> Left:
    found = _find_pause(server, request)
    return found if found[0][0] else []


def _find_queued(server: Duplicati, request: Request) -> Left:
    """Return the tasks that are meant and in the queue, each with its start: numbers begin anew with the server."""
    state = server.state.get()
    queued = [task for task in (state.active, *state.waiting) if task is not None]
    if not request.resources:
        meant = queued[:1] if state.active is not None else []
    else:
        backups = [resource for resource in request.resources if resource.kind == "backup"]
        ids = {backup.backup_id for backup in find_backups(server.backups.list(), backups)} if backups else set()
        numbers = {name_resource(resource) for resource in request.resources if resource.kind == "task"}
        meant = [task for task in queued if task.backup_id in ids or str(task.task_id) in numbers]
    started = {task.task_id: task.started_at for task in server.tasks.list()}
    return [[task.task_id, task.backup_id, _write(started.get(task.task_id))] for task in meant]


def _find_notices(server: Duplicati, request: Request) -> Left:
    listed = server.notifications.list()
    ids = {resource.resource_id for resource in request.resources if resource.resource_id is not None}
    if not request.get("all"):
        named = [one for one in request.resources if one.kind == "backup" and one.resource_id is None]
        ids |= {b.backup_id for b in find_backups(server.backups.list(), named, takes_many=True)} if named else set()
        is_of_backups = any(resource.kind == "backup" for resource in request.resources)
        listed = [one for one in listed if (one.backup_id if is_of_backups else str(one.notification_id)) in ids]
    return [[one.notification_id, _write(one.created_at)] for one in listed]


def _find_edit(server: Duplicati, request: Request) -> Left:
    from .document import read_document  # noqa: PLC0415 - YAML, which few tasks need

    backup = find_backups(server.backups.list(), request.resources)[0]
    draft = edit.read_draft(server, backup.backup_id)
    fields = read_document(str(request.get("definition"))).fields
    return _describe([(draft, fields)])


def _find_set(server: Duplicati, request: Request) -> Left:
    assignments = read_wanted(request)
    if any(resource.kind == "setting" for resource in request.resources):
        plan = setting.plan_settings(server, assignments)
        return [[name, _fold(server.settings.list().get(name))] for name in plan.values]
    backups = find_backups(server.backups.list(), request.resources, takes_many=True)
    return _describe(setting.plan_backups(server, [backup.backup_id for backup in backups], assignments))


def _describe(plans: Sequence[tuple[edit.Draft, Any]]) -> Left:
    """Return the definitions that still differ from what is wanted, in digests: they hold secrets."""
    return [[d.backup_id, _fold(edit.read_content(d.raw))] for d, fields in plans if edit.preview(d, fields)]


def _fold(value: Any) -> str:
    return sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]


def _write(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


_FIND: dict[str, Callable[[Duplicati, Request], Left]] = {
    "pause": _find_pause,
    "resume": _find_resume,
    "stop": _find_queued,
    "abort": _find_queued,
    "dismiss": _find_notices,
    "edit": _find_edit,
    "set": _find_set,
}
