"""The blocks on the daemon's files: what its readers take, asked of the readers themselves, and what presets allow.

A reader names the keys that it knows where it meets one that it does not, and what it wants where it gets something
else. So a key that is new, gone or of another type changes the page; one without a meaning here cannot be written.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from docs.generate.markdown import code, table, text
from duplicati_client import errors
from duplicati_client.daemon import config, health, policy, presets
from duplicati_client.daemon.tables import Document
from duplicati_client.protocol.catalogue import CATALOGUE

_UNKNOWN = "no-such-key-anywhere"
_NONSENSE: Any = [{}]
_WHOLE = re.compile(r"is not a whole number from (\d+) to (\d+)")
_TYPES = {
    "is not a line of text": "text",
    "is neither true nor false": "boolean",
    "is not a table": "table",
    "is not a list of texts": "text or list of texts",
    "is not a list of ids": "list of integers and texts",
    "is not one word": "text",
}
# Which another reader takes.
_UNTYPED = {"policy": "table"}
_RULE = {"name": "r", "operations": ["run"]}
_POLICY = {"preset": "none", "allow": [_RULE], "deny": [{"name": "d"}], "limit": [{"name": "l", "at_most": 1}]}
# The least that can be read, with each table that there may be.
_SAMPLE: Mapping[str, Any] = {
    "name": "nas",
    "state_folder": "/state",
    "task_server": {"url": "https://tasks.example.org"},
    "servers": {"main": {"url": "http://127.0.0.1:8200"}},
    "limits": {},
    "policy": _POLICY,
}

MEANINGS = {
    ".name": "what the daemon is called, in its log, at the task server and in the name of its service: up to 64 "
    "letters, digits and `. _ -`",
    ".state_folder": "folder of journal, history, token and sessions; made with mode 700 if it is not there",
    ".poll_seconds": "seconds between two questions for tasks; the task server may wish for another number (level 1)",
    ".policy_file": "a file of its own for the policy, which root may own; then there is no `[policy]` here",
    ".policy": "what tasks may do: see [policy](policy.md)",
    ".task_server": "where tasks come from",
    ".servers": "the Duplicati servers, a table each",
    ".limits": "how much is taken on",
    "url": "its address; a path belongs to it",
    "allow_http": "let `http://` go to another machine, for everybody on the way to read and change",
    "ca_file": "certificate authorities to trust (PEM), and no others",
    "pin": "SHA-256 of the one certificate to accept, in hexadecimal digits",
    "task_server.proxy": "proxy to go through; the environment's is never used",
    "servers.proxy": "proxy to go through, or `none`",
    "task_server.token_file": "file with the token that lets the daemon in, of mode 600; `daemon enrol` writes it, and "
    "so does each renewal. It need not be there: then no token is sent",
    "task_server.basic": "send name and token as HTTP Basic, for a plain task server behind a proxy",
    "servers.password_file": "file whose first line is the server's password; read at each login",
    "servers.credential": "name of the systemd credential that holds the password, instead of a file",
    "servers.session_file": "the stored session of a context, shared with the command line, instead of one of its own",
    "limits.in_flight": "how many tasks may be open at a time, of 8 MiB together; the task server keeps the others",
    "limits.free_space_mib": "MiB that have to be free on the disk of the state folder for a new task to be taken; 5 % "
    "of it have to be free too. 0 takes tasks whatever is free",
    "policy.preset": "what is allowed before any rule is written: see [presets](#presets)",
    "policy.zone": "zone of `days` and `hours`, such as `Europe/Zurich`",
    "policy.on_interrupted": "what becomes of a run, or a verification, that a restart of the server has lost before "
    "it had an effect: `rerun` starts it once more, `report` ends it as `interrupted`",
    "policy.allow": "rules that allow more than the preset",
    "policy.deny": "rules that deny, whatever allows",
    "policy.limit": "rules that say how much of what is allowed is accepted",
    "rule.name": "what it is called in results and in the log, once in a file: up to 64 ASCII characters, no colon",
    "rule.operations": "any of these [operations](operations.md)",
    "rule.effects": "or any operation with one of these [effects](operations.md#effects)",
    "rule.servers": "on any of these servers, by alias",
    "rule.backups": 'about any of these backups: `3` is an id, `"Photos"` a name, `"photo*"` a pattern',
    "rule.days": "on any of these days: `mon`, `tue`, `mon-fri`",
    "rule.hours": "within any of these hours, the end excluded: `22:00-06:00`",
    "rule.needs": "with all of these parameters (`true`, or a value)",
    "rule.forbids": "with none of these parameters",
    "limit.at_most": "how many tasks are accepted; 0 is a denial",
    "limit.per": "within an `hour` or a `day` before each task, not by the calendar",
    "limit.each": "what is counted apart: each `backup`, each `operation`, or `all` together",
}
_DEFAULTS = {
    ".poll_seconds": config.POLL_SECONDS,
    "limits.in_flight": config.IN_FLIGHT_COUNT,
    "limits.free_space_mib": config.FLOOR_MIB,
    "task_server.token_file": "token, in the state folder",
    "servers.session_file": "session-ALIAS.json, in the state folder",
    "servers.proxy": "that of the environment",
    "task_server.proxy": "none",
    "policy.preset": "default",
    "policy.zone": "this machine's",
    "policy.on_interrupted": policy.RERUN,
    "limit.per": "day",
    "limit.each": "all",
}

Read = Callable[[Document], object]
Change = Callable[[dict[str, Any]], None]


class Kind(NamedTuple):
    """A kind of table: `owner` is how meanings call it, `way` where one stands in the sample, `read` what reads it."""

    owner: str
    way: tuple[str | int, ...]
    read: Read


KINDS = {
    "top": Kind("", (), config.read),
    "task_server": Kind("task_server", ("task_server",), config.read),
    "servers": Kind("servers", ("servers", "main"), config.read),
    "limits": Kind("limits", ("limits",), config.read),
    "policy": Kind("policy", ("policy",), policy.read),
    "rule": Kind("rule", ("policy", "deny", 0), policy.read),
    "limit": Kind("limit", ("policy", "limit", 0), policy.read),
}


def settings() -> str:
    """Return a section a table of the daemon's configuration."""
    titles = {"top": "At the top", "task_server": "`[task_server]`", "servers": "`[servers.ALIAS]`"}
    titles["limits"] = "`[limits]`"
    return "\n\n".join(f"### {title}\n\n{_write_keys(KINDS[name])}" for name, title in titles.items())


def policy_keys() -> str:
    """Return what a policy, a rule and a limit are written with."""
    own = [key for key in list_keys(KINDS["limit"]) if key not in list_keys(KINDS["rule"])]
    parts = {
        "`[policy]`": _write_keys(KINDS["policy"]),
        "`[[policy.allow]]` and `[[policy.deny]]`": _write_keys(KINDS["rule"]),
        "`[[policy.limit]]`": f"As a rule, and:\n\n{_write_keys(KINDS['limit'], own)}",
    }
    return "\n\n".join(f"### {title}\n\n{rows}" for title, rows in parts.items())


def preset_operations() -> str:
    """Return which preset allows which operation."""
    names = list(presets.PRESETS)
    plain = {name: set(presets.PRESETS[name].list_operations()) for name in names}
    careful = {name: set(presets.PRESETS[name].list_careful()) for name in names}
    rows = []
    for operation in CATALOGUE.values():
        marks = ["yes" if operation.name in plain[name] else "" for name in names]
        marks = [
            mark or ("new places" if operation.name in careful[name] else "")
            for mark, name in zip(marks, names, strict=True)
        ]
        rows.append((f"[{operation.name}](operations.md#{operation.name})", code(operation.effect), *marks))
    about = table(("preset", "allows"), [(code(name), text(presets.PRESETS[name].about)) for name in names])
    return f"{about}\n\n{table(('operation', 'effect', *map(code, names)), rows)}"


def weaker_promises() -> str:
    """Return what a task server of level 0 makes of some promises."""
    rows = [(weakness.promise, text(weakness.text)) for weakness in health.WEAKNESSES]
    return table(("promise", "at level 0"), rows)


def list_keys(kind: Kind) -> list[str]:
    """Return the keys that a table can have, in the order of their meanings."""
    failure = _read_with(kind, lambda inner: inner.update({_UNKNOWN: 1}))
    hint = failure.hint if failure is not None else None
    assert hint, "the reader names no key that it knows"
    order = list(MEANINGS)
    return sorted(hint.removeprefix("one of: ").split(", "), key=lambda key: order.index(_find_meaning(kind, key)))


def find_type(kind: Kind, key: str) -> str:
    """Return the type of a key, with its bounds if it is a number."""
    failure = _read_with(kind, lambda inner: inner.update({key: _NONSENSE}))
    told = failure.message if failure is not None else ""
    bounds = _WHOLE.search(told)
    if bounds:
        return f"integer, {int(bounds[1]):,} to {int(bounds[2]):,}"
    return next((name for words, name in _TYPES.items() if words in told), _UNTYPED.get(key, "tables"))


def is_required(kind: Kind, key: str) -> bool:
    """Say whether a table cannot be read without a key."""
    return _read_with(kind, lambda inner: inner.pop(key, None)) is not None


def _read_with(kind: Kind, change: Change) -> errors.ConfigurationInvalid | None:
    """Read the sample with a change in one of its tables; return what the reader has against it."""
    data: Any = copy.deepcopy(_SAMPLE)
    inner = data
    for part in kind.way:
        inner = inner[part]
    change(inner)
    try:
        kind.read(Document("daemon.toml", "", data))
    except errors.ConfigurationInvalid as exc:
        return exc
    return None


def _write_keys(kind: Kind, keys: list[str] | None = None) -> str:
    rows = [_describe(kind, key) for key in keys or list_keys(kind)]
    return table(("key", "type", "default", "meaning"), rows)


def _describe(kind: Kind, key: str) -> tuple[str, ...]:
    name, written = _find_meaning(kind, key), find_type(kind, key)
    default = str(_DEFAULTS.get(name, "false" if written == "boolean" else ""))
    shown = code(default) if default.isalnum() else text(default)
    return code(key), written, "required" if is_required(kind, key) else shown, MEANINGS[name]


def _find_meaning(kind: Kind, key: str) -> str:
    """Return under which name the meaning of a key is found: its table's own, that of a rule, or that of all tables."""
    names = (f"{kind.owner}.{key}", f"rule.{key}" if kind.owner == "limit" else key, key)
    return next(name for name in names if name in MEANINGS)
