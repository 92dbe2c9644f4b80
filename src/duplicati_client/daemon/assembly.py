"""Puts a daemon together from its configuration: the only place that knows all of its parts; starts nothing."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from .. import errors
from ..sdk.client import Duplicati
from . import policy as policies
from .config import DaemonConfig, load
from .events import Event, Events
from .guard import Lock
from .health import Health
from .history import History
from .inventory import Inventory
from .journal import Journal
from .link import open_link
from .loop import Daemon
from .pace import SETTLE_SECONDS, Pace, Timing, boot_seconds
from .parts import Parts, Performer
from .rates import Rates
from .reporter import Reporter
from .servers import open_server
from .storage import Folder, describe_at_start, open_folder
from .worker import Worker


class Surroundings(NamedTuple):
    """What a daemon gets from outside: `write` hears its events, `wrap` gets its state folder.

    `settle_seconds` is how long a request of an earlier process may still be on its way.
    """

    environ: Mapping[str, str]
    write: Callable[[Event], None]
    wrap: Callable[[Folder], Folder] = lambda folder: folder
    settle_seconds: float = SETTLE_SECONDS


def assemble(config: DaemonConfig, around: Surroundings) -> Daemon:
    """Return a daemon that holds the lock of its state folder.

    Raises `ConfigurationInvalid`, `Held` where another daemon has the folder, and `InputOutputFailed`.
    """
    policy = policies.load(config.policy_file, config.servers)
    plain = open_folder(config.state_folder)
    holder = f"process {os.getpid()}, started {_now().isoformat(timespec='seconds')}, {config.path}"
    lock = Lock(plain, holder)
    try:
        parts = _make_parts(config, around, around.wrap(plain), lock)
    except OSError as exc:
        raise describe_at_start(exc) from exc
    return Daemon(parts, policy)


def _make_parts(config: DaemonConfig, around: Surroundings, folder: Folder, lock: Lock) -> Parts:
    events = Events(around.write, _now, boot_seconds)
    journal, history = Journal(folder, _now), History(folder, _now)
    link, inventory = open_link(config, folder, _now, events.tell), Inventory(config.servers)
    timing = Timing(_now, link.server_now, boot_seconds, random.uniform, around.settle_seconds)

    def make_pace() -> Pace:
        return Pace(random.uniform, config.poll_seconds)

    def open_one(alias: str) -> Duplicati:
        return open_server(config, config.servers[alias], around.environ)

    def make_worker(alias: str, hear_of_end: Callable[[str], None]) -> Performer:
        return Worker(alias, lambda: open_one(alias), journal, events, hear_of_end, timing, folder)

    def look(alias: str) -> errors.DuplicatiClientError | None:
        try:
            with open_one(alias) as server:
                return inventory.look(alias, server)
        except errors.DuplicatiClientError as exc:  # it cannot even be asked
            return exc

    return Parts(
        config=config,
        folder=folder,
        lock=lock,
        journal=journal,
        history=history,
        link=link,
        inventory=inventory,
        reporter=Reporter(journal, history, link, folder, events, make_pace(), boot_seconds, _now),
        rates=Rates(folder, _now, boot_seconds),
        events=events,
        health=Health(),
        make_worker=make_worker,
        make_pace=make_pace,
        look=look,
        load_policy=lambda: policies.load(load(config.path).policy_file, config.servers),
        now=_now,
        clock=boot_seconds,
    )


def _now() -> datetime:
    return datetime.now(UTC)
