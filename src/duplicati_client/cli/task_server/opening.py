"""The task server that a verb of operators is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..choosing import choose_targets
from ..context import find_context, is_fleet
from ..fleets import open_target
from ..options import CHOOSING

if TYPE_CHECKING:
    from ...fleet.client import Fleet
    from ..call import Call
    from ..context import Target


def open_fleet(call: Call) -> Fleet:
    """Return the task server that is meant; where none is named, the only one that is known.

    Raises `UsageInvalid` for another server, `LoginMissing`.
    """
    targets = _choose(call)
    if len(targets) != 1:
        raise errors.UsageInvalid("one task server at a time", hint="--context NAME")
    (target,) = targets
    if not is_fleet(call, target.context):
        raise errors.UsageInvalid(
            f"{target.label} is no task server", hint="log in to one: duplicati login URL, or name it with --context"
        )
    return open_target(call, target)


def _choose(call: Call) -> list[Target]:
    fleets = [name for name in call.configuration.contexts if is_fleet(call, name)]
    is_any_named = any(call.value(option.field) for option in CHOOSING)
    is_current = (call.configuration.current or "").partition("/")[0] in fleets
    if len(fleets) == 1 and not is_any_named and not is_current:
        return [find_context(call, fleets[0])]
    return choose_targets(call)
