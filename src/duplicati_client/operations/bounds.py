"""What no task may change, whatever a policy allows: secrets, and the programs that a server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from .. import errors
from .changes import NEW_SECRET
from .definition import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..sdk.options import KnownOption
    from .changes import Change

_SCRIPTS = "run-script-"
_PROGRAMS = ("-executable", "-program-path", "-command")


def check_changes(changes: Sequence[Change], options: Mapping[str, KnownOption]) -> None:
    """Raise `UsageInvalid` for a change that is for the owner alone; to take a program away is none.

    `options` are those of the server, by each name that it knows them by.
    """
    for change in changes:
        if change.after == NEW_SECRET:
            raise errors.UsageInvalid(f"{change.field} holds a secret, and no task may: set it on the server itself")
        if change.after and any(_is_program(name, options) for name in _name_options(change)):
            raise errors.UsageInvalid(f"{change.field} names a program, and no task may: set it on the server itself")


def _name_options(change: Change) -> list[str]:
    """Return the option that is changed, or those that an address has behind its question mark."""
    if change.field != "destination":
        return [change.field.removeprefix(f"{SETTINGS}.")]
    return [unquote(part.partition("=")[0]) for part in str(change.after).partition("?")[2].split("&")]


def _is_program(name: str, options: Mapping[str, KnownOption]) -> bool:
    plain = name.strip().lstrip("-").lower()
    known = options.get(plain)
    plain = plain if known is None else known.name.lower()
    return plain.startswith(_SCRIPTS) or plain.endswith(_PROGRAMS)
