"""What a seed means: which servers there are, what tasks come when, and what goes wrong; all drawn before it begins."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

from .clock import START_AT
from .network import TROUBLES, Weather

CALM: Weather = {}
MILD = dict(zip(TROUBLES, (0.01, 0.01, 0.01, 0.02, 0.03, 0.002, 0.01, 0.01, 0.015, 0.01, 0.01), strict=True))
ROUGH = dict(zip(TROUBLES, (0.03, 0.03, 0.04, 0.05, 0.05, 0.01, 0.03, 0.03, 0.05, 0.03, 0.03), strict=True))
JUMPS = tuple(timedelta(days=days) for days in (-3652, -400, -1, 1, 400, 3652))
NOTICES_FROM = 1000


class Incident(NamedTuple):
    """Something that goes wrong at a moment, for `seconds` where it has an end; `what` names where and how."""

    at: float
    kind: str
    seconds: float = 0.0
    what: Any = None


class Scenario(NamedTuple):
    """All that is drawn. `tasks` are times and items; `troubled_until` is when faults end; `weathers` are by line."""

    level: int
    aliases: tuple[str, ...]
    is_cron: bool
    stall_share: float
    tasks: tuple[tuple[float, Mapping[str, Any]], ...]
    incidents: tuple[Incident, ...]
    weathers: Mapping[str, Weather]
    troubled_until: float


def draw(seed: int) -> Scenario:
    """Draw the scenario of a seed."""
    chance = Random(f"scenario {seed}")
    level = chance.choice((0, 1, 1))
    aliases = chance.choice((("modern",), ("legacy",), ("modern", "legacy"), ("modern", "legacy")))
    troubled_until = chance.uniform(150.0, 450.0)
    tasks = sorted(_draw_tasks(chance, aliases, troubled_until), key=lambda pair: pair[0])
    kinds = [CALM, MILD, MILD, ROUGH]
    return Scenario(
        level=level,
        aliases=aliases,
        is_cron=chance.random() < 0.2,
        stall_share=chance.choice((0.0, 0.01, 0.05)),
        tasks=tuple(tasks),
        incidents=tuple(sorted(_draw_incidents(chance, aliases, level, troubled_until))),
        weathers={kind: chance.choice(kinds) for kind in ("tasks", "duplicati")},
        troubled_until=troubled_until,
    )


# --- tasks ----------------------------------------------------------------------------------------------


def _draw_tasks(chance: Random, aliases: tuple[str, ...], until: float) -> Iterator[tuple[float, dict[str, Any]]]:
    count = chance.randint(4, 12)
    burst_at = chance.uniform(0.0, until / 2)
    for number in range(1, count + 1):
        at = burst_at if chance.random() < 0.4 else chance.uniform(0.0, until * 0.9)
        task_id: Any = number if chance.random() < 0.7 else f"t-{number}"
        if chance.random() < 0.03 and number > 1:
            task_id = str(number - 1)
        item = {"ID": task_id, **_draw_content(chance, number)}
        if len(aliases) > 1 or chance.random() < 0.5:
            item["Server"] = chance.choice(aliases)
        if chance.random() < 0.05:
            item["NotAfter"] = _write(at - 3600.0)
        elif chance.random() < 0.05:
            item["NotBefore"] = _write(at + chance.uniform(5.0, 90.0))
        yield at, item


def _write(seconds: float) -> str:
    return (START_AT + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def _draw_content(chance: Random, number: int) -> dict[str, Any]:
    kind = chance.choices(
        ("run", "runs", "verify", "set", "dismiss", "read", "resume", "denied", "unknown", "malformed"),
        (50, 6, 8, 8, 8, 6, 3, 5, 3, 3),
    )[0]
    if kind == "run":
        return {"Operation": "run", "Resources": [_draw_backup(chance)]}
    if kind == "runs":
        both = [{"Type": "backup", "ID": 1}, {"Type": "backup", "Name": "Mail"}]
        return {"Operation": "run", "Resources": both}
    if kind == "set":
        setting = [{"Type": "setting"}]
        return {"Operation": "set", "Resources": setting, "Parameters": {"assignments": f"max-upload-speed={number}kb"}}
    if kind == "dismiss":
        return {"Operation": "dismiss", "Resources": [{"Type": "notification", "ID": NOTICES_FROM + number}]}
    if kind == "read":
        return chance.choice(({"Operation": "status"}, {"Operation": "list", "Resources": [{"Type": "notification"}]}))
    if kind == "malformed":
        return {"Operation": "run", "Resources": [{"Type": "backup", "ID": "../1"}]}
    operation = {"verify": "verify", "denied": "compact", "unknown": "format", "resume": "resume"}[kind]
    return {"Operation": operation, **({"Resources": [_draw_backup(chance)]} if kind in ("verify", "denied") else {})}


def _draw_backup(chance: Random) -> dict[str, Any]:
    number = chance.choice((1, 1, 2, 3))
    if chance.random() < 0.2:
        return {"Type": "backup", "Name": ("Documents", "Photos", "Mail")[number - 1]}
    return {"Type": "backup", "ID": number if chance.random() < 0.8 else str(number)}


# --- incidents ------------------------------------------------------------------------------------------

# Share of the seeds that have it, and how often at most.
KINDS = {
    "kill": (0.5, 3),
    "kill at a step": (0.5, 4),
    "power cut": (0.2, 2),
    "power cut at a step": (0.3, 3),
    "orderly end": (0.2, 2),
    "task server restarts": (0.3, 2),
    "task server is restored": (0.2, 1),
    "task server forgets": (0.15, 2),
    "task server refuses the credential": (0.12, 1),
    "duplicati is killed": (0.4, 3),
    "duplicati ends sessions": (0.3, 2),
    "duplicati refuses the password": (0.12, 1),
    "suspend": (0.15, 2),
    "clock jump": (0.25, 2),
    "disk": (0.3, 2),
    "network is out": (0.2, 2),
    "foreign run": (0.3, 3),
    "cancel": (0.2, 2),
    "reload": (0.1, 1),
}
_SECONDS = {
    "kill": (0.5, 25.0),
    "kill at a step": (0.5, 10.0),
    "power cut": (2.0, 60.0),
    "power cut at a step": (0.5, 10.0),
    "orderly end": (0.5, 10.0),
    "task server restarts": (0.5, 40.0),
    "task server is restored": (0.5, 20.0),
    "task server refuses the credential": (5.0, 120.0),
    "duplicati is killed": (0.5, 30.0),
    "duplicati refuses the password": (5.0, 60.0),
    "suspend": (20.0, 4000.0),
    "disk": (1.0, 90.0),
    "network is out": (1.0, 120.0),
}


def _draw_incidents(chance: Random, aliases: tuple[str, ...], level: int, until: float) -> Iterator[Incident]:
    for kind, (share, count_max) in KINDS.items():
        if chance.random() < share and not (kind == "cancel" and level == 0):
            for _ in range(chance.randint(1, count_max)):
                at = chance.uniform(1.0, until)
                seconds = chance.uniform(*_SECONDS.get(kind, (0.0, 0.0)))
                yield Incident(at, kind, seconds, _draw_what(chance, kind, aliases, at))


def _draw_what(chance: Random, kind: str, aliases: tuple[str, ...], at: float) -> Any:
    if kind.endswith("at a step"):
        return chance.randint(1, 25)
    if kind.startswith("duplicati"):
        return chance.choice(aliases)
    if kind == "foreign run":
        return chance.choice(aliases), chance.choice("123")
    if kind == "clock jump":
        return chance.choice(JUMPS), chance.random() < 0.5
    if kind == "disk":
        return chance.choice((errno.EIO, errno.EIO, errno.ENOSPC, errno.EROFS))
    if kind == "network is out":
        return chance.choice(("tasks", *aliases))
    if kind == "power cut":
        return chance.random() < 0.5
    if kind == "task server is restored":
        return chance.uniform(0.0, at)
    return None
