"""A task as the protocol writes it: what it must look like, and why something is none. Decides nothing about policy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from . import codec
from .catalogue import CATALOGUE, Operation, Parameter

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_BACKUP_ID = re.compile(r"[0-9]{1,18}")
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)((?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))", re.ASCII | re.IGNORECASE)
# Times are added to and told in other zones: some days of the calendar are left for that at its ends.
_EARLIEST, _LATEST = datetime(1, 1, 8, tzinfo=UTC), datetime(9999, 12, 24, tzinfo=UTC)
_NAME_CHARACTERS = 1024
_RESOURCES_COUNT = 100
TASK_BYTES_MAX = 128 * 1024
"""Of a task's one form; escapes count, for the journal holds them too."""
HIDDEN = "(hidden)"
_MEMBERS = ("ID", "Operation", "Resources", "Parameters", "Server", "NotBefore", "NotAfter", "Attempt")

TaskID = int | str


class Resource(NamedTuple):
    """What a task is about: a type of the catalogue, and an id or a name."""

    kind: str
    resource_id: str | None = None
    name: str | None = None


class Task(NamedTuple):
    """One operation for one daemon; `digest` stands for what it asks for, `raw` is all of it as it came.

    The digest leaves out the id, which names it, `Attempt`, which changes with a repeat, and what begins with `x-`.
    """

    task_id: TaskID
    operation: str
    resources: tuple[Resource, ...]
    parameters: Mapping[str, Any]
    server: str | None
    not_before: datetime | None
    not_after: datetime | None
    attempt: int | None
    digest: str
    raw: Mapping[str, Any]


class Malformed(NamedTuple):
    """An item that is no task; `task_id` is None where not even that can be read, so that nobody can be answered.

    `code` is `malformed`, or `id-conflict` where an item before it has the same id and another content.
    """

    task_id: TaskID | None
    reason: str
    digest: str
    code: str = "malformed"


class _Wrong(Exception):
    """Why an item is no task."""


def read_tasks(body: bytes) -> list[Task | Malformed]:
    """Read an answer of `GET api/tasks`: an array, an object with `Tasks`, or one task. Raises `codec.Undecodable`.

    An item that says the same as one before it under the same id, written as number or as text, is left out.
    """
    seen: dict[str, str] = {}
    found: list[Task | Malformed] = []
    for item in map(read_task, _items(codec.decode(body))):
        text = str(item.task_id)
        if item.task_id is None or text not in seen:
            found.append(item)
            seen[text] = item.digest
        elif seen[text] != item.digest:
            found.append(Malformed(item.task_id, "another task of the list has this ID", item.digest, "id-conflict"))
    return found


def read_task(item: Any) -> Task | Malformed:
    """Read one decoded item; never raises."""
    task_id = _find_id(item)
    if task_id is None and not isinstance(item, codec.Refused):
        return Malformed(None, _why_nameless(item), "")
    digest = codec.digest(_content(item))
    reason = codec.find_refused(item)
    if reason is None and len(codec.write_canonically(item)) > TASK_BYTES_MAX:
        reason = f"larger than {TASK_BYTES_MAX // 1024} KiB"
    try:
        return Malformed(task_id, reason, digest) if reason is not None else _read(item, digest)
    except _Wrong as exc:
        return Malformed(task_id, str(exc), digest)


def read_kept(item: Any, digest: str) -> Task | Malformed:
    """Read a task that was read before and kept with its digest; what no task may hold was refused then."""
    if not isinstance(item, dict):
        return Malformed(None, _why_nameless(item), digest)
    try:
        return _read(item, digest)
    except _Wrong as exc:
        return Malformed(_find_id(item), str(exc), digest)


def hide_secrets(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's content for showing: what may hold secrets, and what is not known to hold none, is hidden."""
    parameters = raw.get("Parameters")
    if not parameters:
        return dict(raw)
    name = raw.get("Operation")
    operation = CATALOGUE.get(name) if isinstance(name, str) else None
    known = {} if operation is None else {parameter.name: parameter for parameter in operation.parameters}
    if not isinstance(parameters, Mapping):
        return {**raw, "Parameters": HIDDEN}
    shown = {
        name: value if name in known and not known[name].may_hold_secrets else HIDDEN
        for name, value in parameters.items()
    }
    return {**raw, "Parameters": shown}


def is_id(value: Any) -> bool:
    """Say whether something can be the id of a task."""
    try:
        _read_id(value)
    except _Wrong:
        return False
    return True


def key_of(task_id: TaskID) -> str:
    """Return the id with its JSON type, so that 7 and "7" stay two."""
    return f"s:{task_id}" if isinstance(task_id, str) else f"i:{task_id}"


def _items(value: Any) -> Sequence[Any]:
    if isinstance(value, codec.Refused):
        if "ID" in value.members:
            return [value]
        raise codec.Undecodable(f"the answer is {value.reason}")
    if isinstance(value, dict):
        if "Tasks" not in value and ("ID" in value or "Operation" in value):
            return [value]
        value = value.get("Tasks")
    if not isinstance(value, list):
        raise codec.Undecodable("the answer is neither a list of tasks nor a task")
    return value


def _find_id(item: Any) -> TaskID | None:
    members = item.members if isinstance(item, codec.Refused) else item
    try:
        return _read_id(members.get("ID")) if isinstance(members, Mapping) else None
    except _Wrong:
        return None


def _why_nameless(item: Any) -> str:
    if not isinstance(item, dict):
        return "a task is an object"
    try:
        _read_id(item.get("ID"))
    except _Wrong as exc:
        return str(exc)
    return "ID is missing"


def _content(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {k: v for k, v in item.items() if k not in ("ID", "Attempt") and not k.startswith("x-")}


def _read(item: Any, digest: str) -> Task:
    unknown = [name for name in item if name not in _MEMBERS and not name.startswith("x-")]
    if unknown:
        raise _Wrong(f"unknown member {unknown[0][:40]!a}")
    task_id = _read_id(item.get("ID"))
    name = _read_text(item, "Operation", 64)
    if name is None:
        raise _Wrong("Operation is missing")
    operation = CATALOGUE.get(name)
    not_before, not_after = _read_time(item, "NotBefore"), _read_time(item, "NotAfter")
    if not_before is not None and not_after is not None and not_after < not_before:
        raise _Wrong("NotAfter lies before NotBefore")
    return Task(
        task_id=task_id,
        operation=name,
        resources=_read_resources(item.get("Resources", []), operation),
        parameters=_read_parameters(item.get("Parameters", {}), operation),
        server=_read_alias(item),
        not_before=not_before,
        not_after=not_after,
        attempt=_read_attempt(item),
        digest=digest,
        raw=item,
    )


def _read_id(value: Any) -> TaskID:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise _Wrong("ID is missing" if value is None else "ID is neither a whole number nor text")
    if isinstance(value, str) and (not _ID.fullmatch(value) or not value.strip(".")):
        raise _Wrong("ID is not 1 to 128 of A-Z a-z 0-9 . _ : -")
    return value


def _read_text(item: Mapping[str, Any], name: str, characters: int) -> str | None:
    value = item.get(name)
    if value is None and name not in item:
        return None
    if not isinstance(value, str) or not value or len(value) > characters:
        raise _Wrong(f"{name} is not a text of 1 to {characters} characters")
    return value


def _read_alias(item: Mapping[str, Any]) -> str | None:
    alias = _read_text(item, "Server", 64)
    if alias is not None and not _ALIAS.fullmatch(alias):
        raise _Wrong("Server is not an alias")
    return alias


def _read_time(item: Mapping[str, Any], name: str) -> datetime | None:
    text = _read_text(item, name, 40)
    if text is None:
        return None
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise _Wrong(f"{name} is not an RFC 3339 time")
    start, second, end = parts.groups()
    is_leap = second == "60"
    try:
        moment = datetime.fromisoformat(f"{start}{'59' if is_leap else second}{end}".upper())
        found = (moment + timedelta(seconds=is_leap)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise _Wrong(f"{name} is not an RFC 3339 time") from exc
    return max(_EARLIEST, min(found, _LATEST))


def _read_attempt(item: Mapping[str, Any]) -> int | None:
    value = item.get("Attempt")
    if value is None and "Attempt" not in item:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise _Wrong("Attempt is not a whole number")
    return value


def _read_resources(value: Any, operation: Operation | None) -> tuple[Resource, ...]:
    if not isinstance(value, list) or len(value) > _RESOURCES_COUNT:
        raise _Wrong(f"Resources is not a list of at most {_RESOURCES_COUNT}")
    resources = tuple(_read_resource(item) for item in value)
    if operation is not None:
        _check_resources(resources, operation)
    return resources


def _check_resources(resources: Sequence[Resource], operation: Operation) -> None:
    if operation.needs_resource and not resources:
        raise _Wrong(f"{operation.name} needs a resource")
    for resource in resources:
        if resource.kind not in operation.resource_types:
            raise _Wrong(f"{operation.name} is not about a {resource.kind[:32]!a}")
        is_whole = resource.resource_id is None and resource.name is None
        if is_whole and resource.kind not in operation.whole_types:
            raise _Wrong(f"the {resource.kind} has neither ID nor Name")


def _read_resource(item: Any) -> Resource:
    if not isinstance(item, dict):
        raise _Wrong("a resource is an object")
    unknown = [name for name in item if name not in ("Type", "ID", "Name") and not name.startswith("x-")]
    if unknown:
        raise _Wrong(f"unknown member {unknown[0][:40]!a} of a resource")
    kind = _read_text(item, "Type", 32)
    if kind is None:
        raise _Wrong("Type of a resource is missing")
    name = _read_text(item, "Name", _NAME_CHARACTERS)
    resource_id = _read_resource_id(item)
    if name is not None and resource_id is not None:
        raise _Wrong("a resource has an ID or a Name, not both")
    return Resource(kind=kind, resource_id=resource_id, name=name)


def _read_resource_id(item: Mapping[str, Any]) -> str | None:
    """Take digits only: an id enters a URL of a Duplicati server."""
    if "ID" not in item:
        return None
    value = item["ID"]
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _BACKUP_ID.fullmatch(text):
        raise _Wrong("ID of a resource is not a number")
    return text


def _read_parameters(value: Any, operation: Operation | None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong("Parameters is not an object")
    if operation is None:
        return value
    known = {parameter.name: parameter for parameter in operation.parameters}
    for name, given in value.items():
        if name not in known:
            raise _Wrong(f"{operation.name} has no parameter {name[:40]!a}")
        _check_parameter(known[name], given)
    if operation.needs_one_of and not any(name in value for name in operation.needs_one_of):
        raise _Wrong(f"{operation.name} needs a parameter: {' or '.join(operation.needs_one_of)}")
    return value


def _check_parameter(parameter: Parameter, value: Any) -> None:
    is_right = isinstance(value, parameter.kind) and (parameter.kind is bool) == isinstance(value, bool)
    if parameter.kind is float and isinstance(value, int) and not isinstance(value, bool):
        is_right = True
    if not is_right:
        raise _Wrong(f"the parameter {parameter.name} is of another type")
    if parameter.values and value not in parameter.values:
        raise _Wrong(f"the parameter {parameter.name} is none of: {', '.join(parameter.values)}")
