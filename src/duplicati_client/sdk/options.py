"""The options that a server lists for its backups, with their types, as `systeminfo` tells; it checks no values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import answers


class KnownOption(NamedTuple):
    """One option; `kind` is the server's word, such as `Size` or `Enumeration`, and empty where it is not known."""

    name: str
    kind: str
    values: tuple[str, ...]
    default: str
    about: str
    is_deprecated: bool


def read_options(system: Mapping[str, Any]) -> dict[str, KnownOption]:
    """Read all from `SystemInfo.raw`, the server's own and those of its modules, by name in lower case, aliases too."""
    found: dict[str, KnownOption] = {}
    for entry in (*_items(system.get("Options")), *_options_of_modules(system)):
        option = KnownOption(
            name=answers.text(entry, "Name"),
            kind=answers.text(entry, "Type"),
            values=tuple(_texts(answers.member(entry, "ValidValues"))),
            default=answers.text(entry, "DefaultValue"),
            about=answers.text(entry, "ShortDescription"),
            is_deprecated=answers.flag(entry, "Deprecated"),
        )
        for name in (option.name, *_texts(answers.member(entry, "Aliases"))):
            found.setdefault(name.lower(), option)
    found.pop("", None)
    return found


def _options_of_modules(system: Mapping[str, Any]) -> list[Any]:
    modules = [module for value in system.values() for module in _items(value)]
    return [option for module in modules for option in _items(answers.member(module, "Options"))]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in _items(value) if isinstance(item, str)]
