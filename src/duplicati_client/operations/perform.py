"""The one dispatch from the catalogue to its operations, for tasks: parameters and results as the command line's."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .. import errors
from ..durations import parse_past
from ..protocol.catalogue import CATALOGUE
from ..protocol.task import Resource
from ..sdk.activity import Progress
from ..sdk.client import Duplicati
from ..sdk.followed import Baseline, Ended, Note, StartedTask
from ..sdk.models import Backup
from . import compact, edit, repair, run, stop, vacuum, verify, watch
from . import list as listing
from . import logs as log
from . import set as setting
from .assignments import Assignment, read_assignment
from .bounds import check_changes
from .describe import describe_backup
from .dismiss import dismiss_all, dismiss_by_id, dismiss_of_backups
from .doctor import Case, examine
from .following import describe_end, explain_absorption, follow
from .get import get
from .pause import pause
from .queue import list_tasks
from .resource import find_backup, find_backups, name_resource
from .result import Performed, cut, make_data, make_failure
from .resume import resume
from .selection import select_backup
from .status import read_status

__all__ = ["FOLLOWED", "Intended", "Note", "Performed", "Progress", "StartedTask", "perform", "start", "tell_end"]

# What is followed, and the server's word for it in its log.
FOLLOWED = {"run": "Backup", "verify": "Test", "repair": "Repair", "compact": "Compact", "vacuum": "Vacuum"}
_MAINTENANCE = {"verify": verify.start, "repair": repair.start, "compact": compact.start, "vacuum": vacuum.start}
_LINES_COUNT, _LINES_COUNT_MAX = 50, 500
_CHANGES_COUNT = 100
_WORST_LAST = ("success", "warning", "error", "fatal", "interrupted", "unknown")


class Request(NamedTuple):
    """An operation of the catalogue that is to be performed."""

    operation: str
    resources: Sequence[Resource] = ()
    parameters: Mapping[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return a parameter, None where it is left out."""
        return self.parameters.get(name)


class Intended(NamedTuple):
    """What is about to be started: the request for it is sent when the next item is taken."""

    backup: Backup


Item = Intended | StartedTask | Progress | Note | Performed
Perform = Callable[[Duplicati, Request], Any]


def perform(server: Duplicati, request: Request) -> Iterator[Item | None]:
    """Yield what happens, `Performed` last; raises what the operations raise, `UsageInvalid` for an unknown one."""
    if request.operation not in CATALOGUE:
        raise errors.UsageInvalid(f"there is no operation {request.operation}")
    if request.operation in FOLLOWED:
        yield from _follow_each(server, request)
    elif request.operation == "watch":
        yield from _watch(server, request)
    else:
        yield _PERFORM[request.operation](server, request)


# --- what is started and followed -----------------------------------------------------------------------


def select(server: Duplicati, request: Request) -> list[Backup]:
    """Return the backups of an operation that is followed."""
    if not request.resources:
        raise errors.UsageInvalid(f"{request.operation} which backup?")
    return find_backups(server.backups.list(), request.resources)


def start(server: Duplicati, request: Request, backup: Backup, baseline: Baseline | None = None) -> StartedTask:
    """Ask for one; `baseline` is what was there, if it was read already."""
    if request.operation == "run":
        return run.start(server, backup, baseline, skip_queue=bool(request.get("skip-queue")))
    return _MAINTENANCE[request.operation](server, backup, baseline)


def tell_end(request: Request, backup: Backup, ended: Ended) -> dict[str, Any]:
    """Return the data of one that has ended."""
    return make_data(describe_end(request.operation, backup, ended))


def join(results: Sequence[Mapping[str, Any]]) -> Performed:
    """Return the result of all: of one it is the result itself, of several they are listed with the worst outcome."""
    outcomes = [str(result.get("Outcome", "error")) for result in results]
    worst = max(outcomes, key=_WORST_LAST.index)
    if len(results) == 1:
        return Performed(cut(results[0]), worst)
    return Performed(cut({"Outcome": worst, "Results": list(results)}), worst)


def _follow_each(server: Duplicati, request: Request) -> Iterator[Item | None]:
    backups = select(server, request)
    results = []
    for backup in backups:
        try:
            results.append((yield from _follow_one(server, request, backup)))
        except errors.DuplicatiClientError as exc:
            if len(backups) == 1:
                raise
            results.append({"BackupID": backup.backup_id, "Name": backup.name, **make_failure(exc)})
    yield join(results) if request.get("wait") else Performed(cut(_join_started(results)))


def _join_started(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return results[0] if len(results) == 1 else {"Results": list(results)}


def _follow_one(server: Duplicati, request: Request, backup: Backup) -> Generator[Item | None, None, dict[str, Any]]:
    yield Intended(backup)
    started = start(server, request, backup)
    yield started
    if absorbed := explain_absorption(started):
        yield Note(absorbed)
    if not request.get("wait"):
        told = {"Operation": request.operation, "TaskID": started.task_id, "BackupID": backup.backup_id}
        return told | {"Name": backup.name, "IsAbsorbed": started.is_absorbed}
    for item in follow(server, started, timeout_seconds=request.get("timeout")):
        if isinstance(item, Ended):
            return tell_end(request, backup, item)
        yield item
    raise errors.NotUnderstood("the task was followed to no end")


# --- what is done at once -------------------------------------------------------------------------------


def _make(value: Any, *, keeps_end: bool = False) -> Performed:
    return Performed(cut(make_data(value), keeps_end=keeps_end))


def _status(server: Duplicati, request: Request) -> Performed:
    return _make(read_status(server))


def _doctor(server: Duplicati, request: Request) -> Performed:
    report = examine(Case(server, server.connection, is_login_expected=True))
    return Performed(cut({**make_data(report), "Verdict": report.verdict}))


def _list(server: Duplicati, request: Request) -> Performed:
    if not request.resources:
        raise errors.UsageInvalid("list what?", hint='{"Type": "backup"}')
    kind = request.resources[0].kind
    named = [resource for resource in request.resources if name_resource(resource) is not None]
    if any(resource.kind != kind for resource in request.resources):
        raise errors.UsageInvalid("one kind at a time is listed")
    if kind == "backup":
        return _list_backups(server, named)
    if kind in ("version", "log"):
        backup = _find_parameter(server, request, named)
        if kind == "log":
            return _make(log.read(server, backup), keeps_end=True)
        if backup is None:
            raise errors.UsageInvalid("the versions of which backup?")
        return _make(listing.list_versions(server, backup))
    if named:
        raise errors.UsageInvalid(f"{kind}s are listed whole")
    return _make(_LISTED[kind](server))


def _list_backups(server: Duplicati, named: Sequence[Resource]) -> Performed:
    if not named:
        return _make(listing.list_backups(server))
    return _make(listing.summarise_backups(server, find_backups(server.backups.list(), named, takes_many=True)))


def _find_parameter(server: Duplicati, request: Request, named: Sequence[Resource]) -> Backup | None:
    if len(named) > 1 or (named and request.get("backup")):
        raise errors.UsageInvalid("of one backup at a time")
    if named:
        return find_backup(server.backups.list(), named[0])
    return select_backup(server.backups.list(), request.get("backup")) if request.get("backup") else None


def _list_settings(server: Duplicati) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in listing.list_settings(server).items()]


_LISTED: dict[str, Callable[[Duplicati], Any]] = {
    "task": list_tasks,
    "notification": listing.list_notifications,
    "setting": _list_settings,
}


def _get(server: Duplicati, request: Request) -> Performed:
    def read(resource: Resource) -> Any:
        if resource.kind == "backup":
            return get(server, "backup", find_backup(server.backups.list(), resource).backup_id)
        return get(server, resource.kind, _name(request, resource))

    return _each(request, lambda resource: {"Item": read(resource)})


def _describe(server: Duplicati, request: Request) -> Performed:
    def describe(resource: Resource) -> Any:
        found = describe_backup(server, find_backup(server.backups.list(), resource).backup_id)
        told = make_data(found)
        return {**told.pop("Summary"), **told}

    return _each(request, describe)


def _each(request: Request, read: Callable[[Resource], Any]) -> Performed:
    if not request.resources:
        raise errors.UsageInvalid(f"{request.operation} what?")
    found = [make_data(read(resource))["Item"] for resource in request.resources]
    return Performed(cut(found[0] if len(found) == 1 else {"Results": found}))


def _name(request: Request, resource: Resource) -> str:
    name = name_resource(resource)
    if name is None:
        raise errors.UsageInvalid(f"{request.operation} which {resource.kind}?")
    return name


def _logs(server: Duplicati, request: Request) -> Performed:
    if len(request.resources) > 1:
        raise errors.UsageInvalid("the log of one backup at a time")
    backup = find_backup(server.backups.list(), request.resources[0]) if request.resources else None
    since = parse_past(request.get("since"), datetime.now(UTC)) if request.get("since") else None
    count = request.get("count")
    count = count if count is not None else _LINES_COUNT_MAX if since else _LINES_COUNT
    if not 0 <= count <= _LINES_COUNT_MAX:
        raise errors.InvalidValue(f"count is from 0 to {_LINES_COUNT_MAX}")
    level = request.get("level") or "Information"
    lines = log.read(server, backup, count=count, level=level, since=since) if count else []
    return _make(lines, keeps_end=True)


def _watch(server: Duplicati, request: Request) -> Iterator[Performed | None]:
    """Yield None while it watches; the last of the changes are its result.

    The time of one that waits for something else ends with `WaitTimedOut`.
    """
    count, timeout_seconds, is_idle_wanted = (request.get(name) for name in ("count", "timeout", "until-idle"))
    if count is not None and count < 1:
        raise errors.InvalidValue("count is at least 1")
    ends_at = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
    changes: deque[watch.Change] = deque(maxlen=_CHANGES_COUNT)
    seen_count = 0
    for change in watch.follow(server, listen=lambda watched: watched.events()):
        if change is not None and change.event != "note":
            seen_count += 1
            changes.append(change)
        # In the middle of a change the queue may look empty before it is told what has ended.
        is_whole = bool(changes) and (change is None or change.event == "state")
        is_over = seen_count == count or (is_idle_wanted and is_whole and changes[-1].view.is_idle)
        if not is_over and time.monotonic() >= ends_at and (count or is_idle_wanted):
            raise errors.WaitTimedOut(f"watched for {timeout_seconds:g} s")
        if is_over or time.monotonic() >= ends_at:
            break
        yield None
    yield _make(list(changes), keeps_end=True)


def _pause(server: Duplicati, request: Request) -> Performed:
    return _make(pause(server, request.get("duration"), transfers=bool(request.get("transfers"))))


def _resume(server: Duplicati, request: Request) -> Performed:
    return _make(resume(server))


def _stop(server: Duplicati, request: Request) -> Performed:
    if len(request.resources) > 1:
        raise errors.UsageInvalid(f"{request.operation} one at a time")
    target = stop.Target()
    for resource in request.resources:
        name = _name(request, resource)
        if resource.kind == "backup":
            name = find_backup(server.backups.list(), resource).backup_id
        target = stop.Target(name, resource.kind)
    ask = stop.stop if request.operation == "stop" else stop.abort
    return _make(ask(server, target))


def _dismiss(server: Duplicati, request: Request) -> Performed:
    if request.get("all"):
        if request.resources:
            raise errors.UsageInvalid("all, or those named, but not both")
        return _make(dismiss_all(server))
    kinds = {resource.kind for resource in request.resources}
    if len(kinds) != 1:
        raise errors.UsageInvalid("which notifications?", hint="those of one type, or the parameter all")
    names = [_name(request, resource) for resource in request.resources]
    if kinds == {"backup"}:
        return _make(dismiss_of_backups(server, _name_backups(server, request.resources)))
    if not all(name.isascii() and name.isdecimal() and len(name) < 19 for name in names):
        raise errors.InvalidValue("a notification has a number")
    return _make(dismiss_by_id(server, [int(name) for name in names]))


def _name_backups(server: Duplicati, resources: Sequence[Resource]) -> list[str]:
    """An id counts also where its backup is gone and has left notifications; it is never taken for a name."""
    ids = [resource.resource_id for resource in resources if resource.resource_id is not None]
    named = [resource for resource in resources if resource.resource_id is None]
    known = server.backups.list()
    names = {backup.name for backup in known} - {backup.backup_id for backup in known}
    if wrong := sorted(names.intersection(ids)):
        raise errors.BackupNotFound(f"there is no backup with the id {wrong[0]}")
    found = find_backups(known, named, takes_many=True)
    return [*ids, *(backup.backup_id for backup in found)]


def _edit(server: Duplicati, request: Request) -> Performed:
    from .document import read_document  # noqa: PLC0415 - YAML, which few tasks need

    if len(request.resources) != 1:
        raise errors.UsageInvalid("edit changes one backup")
    if not request.get("definition"):
        raise errors.UsageInvalid("the parameter definition is missing")
    draft = edit.read_draft(server, find_backup(server.backups.list(), request.resources[0]).backup_id)
    fields = read_document(request.parameters["definition"]).fields
    check_changes(edit.preview(draft, fields), draft.options)
    edit.check(draft, fields)
    return _make(edit.send(server, draft, fields))


def read_wanted(request: Request) -> list[Assignment]:
    """Return the assignments of a `set`; raises `UsageInvalid` where one is none."""
    lines = [line for line in str(request.get("assignments") or "").split("\n") if line.strip()]
    wanted = [read_assignment(line) for line in lines]
    if not wanted or None in wanted:
        raise errors.UsageInvalid("what is to change?", hint="the parameter assignments: FIELD=VALUE, one a line")
    return [assignment for assignment in wanted if assignment is not None]


def _set(server: Duplicati, request: Request) -> Performed:
    assignments = read_wanted(request)
    kinds = {resource.kind for resource in request.resources}
    if kinds == {"setting"}:
        if any(name_resource(resource) is not None for resource in request.resources):
            raise errors.UsageInvalid("settings are named by what is assigned to them")
        plan = setting.plan_settings(server, assignments)
        check_changes(plan.changes, {})
        return _make(setting.send_settings(server, plan))
    if kinds != {"backup"}:
        raise errors.UsageInvalid("set what?", hint="backups, or a resource of the type setting")
    backups = find_backups(server.backups.list(), request.resources, takes_many=True)
    plans = setting.plan_backups(server, [backup.backup_id for backup in backups], assignments)
    for draft, fields in plans:
        check_changes(edit.preview(draft, fields), draft.options)
    edited = [make_data(edit.send(server, draft, fields)) for draft, fields in plans]
    return Performed(cut(edited[0] if len(edited) == 1 else {"Results": edited}))


_PERFORM: dict[str, Perform] = {
    "status": _status,
    "doctor": _doctor,
    "list": _list,
    "get": _get,
    "describe": _describe,
    "logs": _logs,
    "pause": _pause,
    "resume": _resume,
    "stop": _stop,
    "abort": _stop,
    "dismiss": _dismiss,
    "edit": _edit,
    "set": _set,
}
