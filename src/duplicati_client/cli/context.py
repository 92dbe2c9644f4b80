"""Named servers: a context by its name or address, also one that is beside a daemon; opens none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .. import errors
from ..http import parse_url
from .configuration import TASK_SERVER
from .verbs import suggest

if TYPE_CHECKING:
    from .call import Call


class Place(NamedTuple):
    """A server beside a daemon: the daemon by name or id, and which of its servers, None for the only one."""

    daemon: str
    alias: str | None = None


class Target(NamedTuple):
    """A server to ask. `context` is None for an address that no context has.

    With a `place` it is reached through the task server at that URL, which the context is.
    """

    label: str
    url: str
    context: str | None
    place: Place | None = None


def find_context(call: Call, name: str) -> Target:
    """Return a context, or a server beside a daemon as `FLEET/DAEMON[/ALIAS]`.

    Raises `ConfigurationInvalid` with the names there are.
    """
    fleet, slash, rest = name.partition("/")
    if slash:
        return _find_place(call, name, find_context(call, fleet), rest)
    table = call.configuration.contexts.get(name)
    if table is None:
        known = list(call.configuration.contexts)
        near = suggest(name, known)
        hint = f"did you mean {near}?" if near else f"contexts: {', '.join(known)}" if known else "duplicati login URL"
        raise errors.ConfigurationInvalid(f"there is no context {name}", hint=hint)
    url = table.get("url")
    if not isinstance(url, str):
        raise errors.ConfigurationInvalid(f"the context {name} has no url", hint="duplicati login URL --name " + name)
    return Target(name, url, name)


def _find_place(call: Call, name: str, fleet: Target, rest: str) -> Target:
    if not is_fleet(call, fleet.context):
        raise errors.ConfigurationInvalid(
            f"{fleet.label} is no task server, so there is no {name}", hint="FLEET/DAEMON, after duplicati login URL"
        )
    daemon, _, alias = rest.partition("/")
    if not daemon or "/" in alias:
        raise errors.UsageInvalid(f"{name} names no daemon", hint="FLEET/DAEMON, or FLEET/DAEMON/SERVER")
    return Target(name, fleet.url, fleet.context, Place(daemon, alias or None))


def is_fleet(call: Call, context: str | None) -> bool:
    """Say whether a context is a task server."""
    return context is not None and call.configuration.contexts.get(context, {}).get("kind") == TASK_SERVER


def check_name(name: str) -> None:
    """Refuse a name for a context that selectors, lists or terminals could not take; raises `InvalidValue`."""
    if not name or not name.isprintable() or name != name.strip() or name[0] == "-" or set(name) & set("*?[],/"):
        raise errors.InvalidValue(
            f"a context cannot be called {name!r}", hint="letters, digits, spaces and . - _ : make a name"
        )


def find_by_url(call: Call, url: str) -> Target:
    """Return the context that has this address, or a target without a context."""
    wanted = parse_url(url).url
    for name, table in call.configuration.contexts.items():
        if _normalise(table.get("url")) == wanted:
            return Target(name, wanted, name)
    return Target(wanted.partition("://")[2], wanted, None)


def _normalise(url: object) -> str | None:
    try:
        return parse_url(url).url if isinstance(url, str) else None
    except errors.InvalidValue:
        return None
