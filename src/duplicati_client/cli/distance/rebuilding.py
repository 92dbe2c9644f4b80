"""Records from the data of a result, as `operations.result.make_data` wrote them; whatever does not fit is refused."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any, Union, get_args, get_origin, get_type_hints

from ... import errors
from ...operations.result import name_member
from ...protocol.catalogue import CATALOGUE

_LISTINGS = ("list", "logs", "watch")


def rebuild(operation: str, resource_type: str | None, data: Mapping[str, Any]) -> Any:
    """Return what the operation would have returned here; raises `NotUnderstood`."""
    kind = _find_kind(operation, resource_type)
    if (operation, resource_type) == ("list", "setting"):
        pairs = [item for item in _take(data, "Items", list) if isinstance(item, dict)]
        return {_take(pair, "Name", str): _take(pair, "Value", str) for pair in pairs}
    if operation in _LISTINGS:
        return [_build(kind, item) for item in _take(data, "Items", list)]
    if kind is object:
        return _take(data, "Item", dict) if "Item" in data else data
    return _build(kind, data)


def rebuild_error(data: Mapping[str, Any]) -> errors.DuplicatiClientError:
    """Return the failure that a result tells of, as the error it was there; an unknown code is any failure."""
    code, message, hint = (data.get(name) for name in ("Code", "Message", "Hint"))
    kind = _find_errors().get(code, errors.ServerFailed) if isinstance(code, str) else errors.ServerFailed
    return kind(
        message if isinstance(message, str) else "it failed, and the daemon does not say why",
        hint=hint if isinstance(hint, str) else None,
    )


def _find_kind(operation: str, resource_type: str | None) -> Any:
    known = CATALOGUE[operation]
    at = known.resource_types.index(resource_type) if resource_type and len(known.results) > 1 else 0
    name = known.results[at]
    if name == "object":
        return object
    module, _, record = name.partition(".")
    return getattr(import_module(f"...operations.{module}", __package__), record)


def _take(data: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    value = data.get(name)
    if not isinstance(value, kind):
        raise _misfit(name)
    return value


def _misfit(name: str) -> errors.NotUnderstood:
    return errors.NotUnderstood(f"the daemon's answer has no {name} as it should", hint="are both of one release?")


def _build(kind: Any, value: Any, name: str = "answer") -> Any:
    """Return the value as the type says."""
    if kind in (Any, object):
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _build_union(get_args(kind), value, name)
    if hasattr(kind, "_fields"):
        return _build_record(kind, value, name)
    if origin is not None:
        return _build_container(origin, get_args(kind), value, name)
    return _build_plain(kind, value, name)


def _build_union(kinds: Sequence[Any], value: Any, name: str) -> Any:
    for kind in _by_likeness(kinds, value):
        if kind is types.NoneType:
            if value is None:
                return None
            continue
        try:
            return _build(kind, value, name)
        except errors.NotUnderstood:
            continue
    raise _misfit(name)


def _by_likeness(kinds: Sequence[Any], value: Any) -> Sequence[Any]:
    """Put the record first that has the members of the value: others may do with some of them."""
    if not isinstance(value, dict):
        return kinds

    def differ(kind: Any) -> int:
        return len({name_member(field) for field in getattr(kind, "_fields", ()) if field != "raw"} ^ value.keys())

    return sorted(kinds, key=differ)


def _build_record(kind: Any, value: Any, name: str) -> Any:
    """What never travels, the server's own JSON in `raw`, is empty; a member of a later release is left out."""
    if not isinstance(value, dict):
        raise _misfit(name)
    built: dict[str, Any] = {}
    for field, hint in _read_hints(kind).items():
        member = name_member(field)
        if field == "raw":
            built[field] = {}
        elif member not in value and hasattr(hint, "_fields"):  # a record within one may be written as a part of it
            built[field] = _build(hint, value, member)
        elif member in value or field not in kind._field_defaults:
            built[field] = _build(hint, value.get(member), member)
    return kind(**built)


@cache
def _read_hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _build_container(origin: Any, inner: Sequence[Any], value: Any, name: str) -> Any:
    if issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _misfit(name)
        return {key: _build(inner[1], item, name) for key, item in value.items()}
    if not isinstance(value, list):
        raise _misfit(name)
    return origin(_build(inner[0], item, name) for item in value)


def _build_plain(kind: Any, value: Any, name: str) -> Any:
    if kind is datetime:
        return _build_time(value, name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError as exc:
            raise _misfit(name) from exc
    if issubclass(kind, errors.DuplicatiClientError) and isinstance(value, dict):
        return rebuild_error(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _misfit(name)
    return value


def _build_time(value: Any, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _misfit(name)
    return at


@cache
def _find_errors() -> dict[str, type[errors.DuplicatiClientError]]:
    found: dict[str, type[errors.DuplicatiClientError]] = {}
    waiting: list[type[errors.DuplicatiClientError]] = [errors.DuplicatiClientError]
    while waiting:
        kind = waiting.pop(0)
        if "code" in vars(kind):
            found.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return found
