"""`task-server settings`: shows what can be changed while a task server runs, and changes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ... import errors
from ..output.columns import Column, Listing
from ..verbs import Verb, suggest
from .labels import read_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..call import Call

VERB = Verb(
    "task-server settings",
    "task-server settings [NAME=VALUE …] [options]",
    "Show the settings of a task server, or change some while it runs.",
    (("NAME=VALUE", "a setting, and the whole number that it shall be"),),
    examples=(
        ("duplicati task-server settings", "what they are, and what they mean"),
        ("duplicati task-server settings tasks_days=30 audit_days=365", "forget finished tasks after a month"),
    ),
    statuses=(0, 64, 65, 69, 77),
)
COLUMNS = (
    Column("name", "NAME", "id", 0, about="name of the setting"),
    Column("value", "VALUE", "number", 0, about="what it is"),
    Column("about", "ABOUT", "text", 1, about="what it says"),
)


class Row(NamedTuple):
    """A setting in a listing."""

    name: str
    value: int
    about: str


def perform(call: Call) -> int:
    """Change what is said, and show all."""
    from ...taskserver.settings import BOUNDS  # noqa: PLC0415 - not for --help
    from ..asking import make_printer  # noqa: PLC0415
    from .opening import open_fleet  # noqa: PLC0415

    changes = {name: _read_value(name, text) for name, text in read_labels(call.words).items()}
    fleet = open_fleet(call)
    found = fleet.get_settings()
    if changes:
        _check_names(list(changes), [name for name, _ in _name_all(found)])
        found = fleet.change_settings({_write_name(name): value for name, value in changes.items()})
    abouts = {name: bounds.about for name, bounds in BOUNDS.items()}
    rows = [Row(name, value, abouts.get(name, "")) for name, value in _name_all(found)]
    make_printer(call).print_listing(Listing("task-server-settings", COLUMNS, rows))
    return 0


def _name_all(found: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(_read_name(name), value) for name, value in found.items()]


def _check_names(names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            near = suggest(name, known)
            hint = f"is it {near}?" if near else f"one of: {', '.join(known)}"
            raise errors.InvalidValue(f"there is no setting {name[:80]}", hint=hint)


def _write_name(name: str) -> str:
    """Return a name as the API has it: `TasksDays` for `tasks_days`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _read_name(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _read_value(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise errors.InvalidValue(f"{name} is a whole number, not {text[:80]!a}")
    return int(text)
