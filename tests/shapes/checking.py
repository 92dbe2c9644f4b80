"""Say where what the program writes as JSON is not as docs/reference/json.md promises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from docs.generate.shapes import DOCUMENTS, LINES, Field, Shape
from duplicati_client.cli.output.columns import SCHEMA

_MEMBERS = {"schema", "kind", "errors"}
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def faults_of(stdout: str, *, is_whole: bool = True) -> list[str]:
    """Return what is wrong in the documents and lines of an output; what is no JSON of ours is passed over.

    Not `is_whole` allows items to lack names, as they do with --columns.
    """
    return [fault for found in _read(stdout) for fault in _judge(found, is_whole=is_whole)]


def _read(stdout: str) -> Iterator[dict[str, Any]]:
    for text in [stdout] if _parse(stdout) is not None else stdout.splitlines():
        found = _parse(text)
        if found is not None and ("schema" in found or "event" in found):
            yield found


def _parse(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _judge(found: dict[str, Any], *, is_whole: bool) -> list[str]:
    if "event" in found:
        shapes = [shape for shape in LINES if shape.name == found["event"]]
        values = [{name: value for name, value in found.items() if name != "event"}]
        title = f"event {found['event']}"
    else:
        members = [name for name in found if name not in ("item", "items")]
        if found["schema"] != SCHEMA or len(found) - len(members) != 1 or not set(members) <= _MEMBERS:
            return [f"a document with {', '.join(found)}"]
        errors = [{"schema": SCHEMA, "kind": "error", "item": failure} for failure in found.get("errors", ())]
        if faults := [fault for error in errors for fault in _judge(error, is_whole=True)]:
            return faults
        part = "item" if "item" in found else "items"
        shapes = [shape for shape in DOCUMENTS if (shape.name, shape.part) == (found["kind"], part)]
        values = found["items"] if part == "items" else [found["item"]]
        title = f"kind {found['kind']}"
    if not shapes:
        return [f"{title} is on no page: add it to docs/generate/shapes.py"]
    # Several commands may have an event of the same name; the nearest is meant.
    told = [[fault for value in values for fault in _compare(shape, value, is_whole=is_whole)] for shape in shapes]
    return [f"{title}: {fault}" for fault in min(told, key=len)]


def _compare(shape: Shape, value: Any, *, is_whole: bool) -> list[str]:
    named = {name: item for name, item in value.items() if name != "server" or shape.name == "error"}
    fields = {field.path: field for field in shape.fields}
    faults = [fault for name, item in named.items() for fault in _check_name(shape, fields, name, name, item)]
    top = {path for path in fields if "." not in path}
    return faults + ([f"{name} is missing" for name in sorted(top - set(named))] if is_whole else [])


def _check_name(shape: Shape, fields: dict[str, Field], path: str, name: str, value: Any) -> list[str]:
    field = fields.get(path)
    if field is None:
        return [] if shape.is_open else [f"{path} is on no page: add it to docs/generate"]
    if value is None:
        return [] if field.is_nullable else [f"{path} is null"]
    return _check(shape, fields, path, field.type, value)


def _check(shape: Shape, fields: dict[str, Field], path: str, written: str, value: Any) -> list[str]:
    head, _, rest = written.partition(" of ")
    if head == "any":
        return []
    if head == "list":
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [fault for item in value for fault in _check(shape, fields, f"{path}[]", rest, item)]
    if head == "object":
        if not isinstance(value, dict):
            return [f"{path} is no object"]
        if rest:
            return [fault for item in value.values() for fault in _check(shape, fields, path, rest, item)]
        below = [(f"{path}.{name}", name, item) for name, item in value.items()]
        return [fault for at, name, item in below for fault in _check_name(shape, fields, at, name, item)]
    is_right = isinstance(value, _TYPES[head]) and (head == "boolean" or not isinstance(value, bool))
    if is_right and head == "time":
        is_right = datetime.fromisoformat(value).tzinfo is not None
    return [] if is_right else [f"{path} is not of type {head}: {value!r}"]


def names_of(shapes: Sequence[Shape]) -> dict[str, dict[str, str]]:
    """Return each shape's names with their types, null included, by the first command that writes it and its name."""
    return {
        f"{shape.commands.split(',')[0]}: {shape.name}": {
            field.path: field.type + (" or null" if field.is_nullable else "") for field in shape.fields
        }
        for shape in shapes
    }
