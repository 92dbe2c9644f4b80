"""Show any JSON object to a person: its plain members as labelled values, each object in it as a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .pages import Field, Section


def outline(item: Mapping[str, Any]) -> list[Section]:
    """Return the sections; what is empty is left out."""
    plain = [Field(name, _show(value)) for name, value in item.items() if not _is_object(value)]
    nested = [(name, value) for name, value in item.items() if _is_object(value)]
    sections = [Section("", plain)] if plain else []
    return sections + [Section(name, _flatten(value)) for name, value in nested]


def _flatten(item: Mapping[str, Any], prefix: str = "") -> list[Field]:
    fields: list[Field] = []
    for name, value in item.items():
        if _is_object(value):
            fields += _flatten(value, f"{prefix}{name}.")
        else:
            fields.append(Field(f"{prefix}{name}", _show(value)))
    return fields


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _show(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return [_show_item(item) for item in value] or None
    return None if value == {} else value


def _show_item(item: Any) -> str:
    if isinstance(item, Mapping) and "Name" in item and "Value" in item:
        return f"{item['Name']} = {item['Value']}"
    if isinstance(item, Mapping):
        return ", ".join(f"{name} {_show(value)}" for name, value in item.items() if value not in (None, "", [], {}))
    return str(item)
