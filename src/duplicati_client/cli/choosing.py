"""Which servers a command is for: as options name them, one by one, by groups, patterns and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import errors
from .context import Target, find_by_url, find_context, is_fleet
from .options import CHOOSING

if TYPE_CHECKING:
    from .call import Call


def choose_targets(call: Call) -> list[Target]:
    """Return the servers the person means; raises `UsageInvalid`, `LoginMissing`, `ConfigurationInvalid`."""
    said = [option for option in CHOOSING if option.field in call.given]
    if len(said) > 1:
        raise errors.UsageInvalid("--server, --context, --on and --all exclude each other")
    for option in said or CHOOSING:
        value = call.value(option.field)
        if value:
            return _choose_by(call, option.field, value)
    if call.configuration.current is not None:
        return [find_context(call, call.configuration.current)]
    raise errors.LoginMissing("no server is known yet")


def _choose_by(call: Call, field: str, value: str | Sequence[str]) -> list[Target]:
    if field == "server":
        return [find_by_url(call, str(value))]
    if field == "context":
        return [find_context(call, str(value))]
    if field == "all":
        names = [name for name in call.configuration.contexts if not is_fleet(call, name)]
        fleet = next((name for name in call.configuration.contexts if is_fleet(call, name)), None)
        if not names and fleet is not None:
            raise errors.ConfigurationInvalid(
                f"{fleet} is a task server, and no server itself", hint=f"--on '{fleet}/*'"
            )
    else:
        names = _expand(call, list(value))
    if not names:
        raise errors.ConfigurationInvalid("there are no contexts", hint="duplicati login URL")
    return [target for name in names for target in _find_all(call, name)]


def _find_all(call: Call, name: str) -> list[Target]:
    """Return what a name stands for: one server, or those beside the daemons that a pattern or a label picks."""
    fleet, slash, picked = name.partition("/")
    if not slash or not set(picked) & set("*?[=,"):
        return [find_context(call, name)]
    from .distance.places import pick_places  # noqa: PLC0415 - few have a task server

    return pick_places(call, find_context(call, fleet), picked)


def _expand(call: Call, selectors: Sequence[str]) -> list[str]:
    """Resolve names, groups and patterns, each context once and in the order first named."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only several servers need it

    contexts, groups = call.configuration.contexts, call.configuration.groups
    names: dict[str, None] = {}
    for selector in selectors:
        parts = groups.get(selector, (selector,))
        for part in parts:
            is_found = part in contexts or part.partition("/")[0] in contexts
            found = [part] if is_found else [name for name in contexts if fnmatchcase(name, part)]
            if not found and selector != "*":
                raise errors.ConfigurationInvalid(
                    f"no context or group fits {part}", hint=f"there are: {', '.join([*contexts, *groups])}"
                )
            names.update(dict.fromkeys(found))
    return list(names)
