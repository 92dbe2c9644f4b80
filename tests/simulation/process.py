"""One life of the real daemon, put together as `daemon.assembly` does, with a simulation's clock, network and disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, NamedTuple

from duplicati_client import errors
from duplicati_client.daemon import config as configuration
from duplicati_client.daemon import round as rounds
from duplicati_client.daemon.events import Event, Events
from duplicati_client.daemon.health import Health
from duplicati_client.daemon.history import History
from duplicati_client.daemon.identity import Identity
from duplicati_client.daemon.inventory import Inventory
from duplicati_client.daemon.journal import Journal
from duplicati_client.daemon.link import Link
from duplicati_client.daemon.loop import Daemon
from duplicati_client.daemon.pace import Pace
from duplicati_client.daemon.parts import Parts, Performer
from duplicati_client.daemon.policy import Policy
from duplicati_client.daemon.rates import Rates
from duplicati_client.daemon.reporter import Reporter
from duplicati_client.daemon.rules import Rule
from duplicati_client.daemon.threads import Threads
from duplicati_client.daemon.worker import Timing, Worker
from duplicati_client.http import Transport
from duplicati_client.sdk import events as live
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore
from duplicati_client.sdk.channel import Channel
from duplicati_client.sdk.client import Duplicati
from duplicati_client.sdk.followed import Item, StartedTask
from duplicati_client.sdk.following import Following
from duplicati_client.sdk.maintenance import Maintenance
from duplicati_client.sdk.progress import ProgressReader
from duplicati_client.sdk.runs import Runs
from duplicati_client.sdk.state import States

from .clock import Clock, Flag, Gate, Machine, Turn
from .disk import Folder
from .network import Line

TASKS_URL = "http://127.0.0.1:8300"
POLICY = Policy(
    "full",
    allow=[Rule("tidying", operations=("dismiss",))],
    deny=[Rule("no-compacting", operations=("compact",))],
)
_LOOK_SECONDS = 2.0


class Surroundings(NamedTuple):
    """What one life gets: where it runs, its state folder, its ways to the servers, and who hears of its events."""

    clock: Clock
    machine: Machine
    folder: Folder
    tasks: Line
    servers: Mapping[str, Line]
    write: Callable[[Event], None]


class Process:
    """A life. `daemon` is None until it is put together; `failure` is what ended it."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        self.daemon: Daemon | None = None
        self.failure: BaseException | None = None
        self.is_over = False
        self.told_to_end = Flag(around.clock)

    def run(self) -> None:
        """Be `daemon run`."""
        self._live(self._take_tasks)

    def run_once(self, max_duration_seconds: float) -> None:
        """Be `daemon once`."""

        def perform(daemon: Daemon) -> None:
            # Looking as often as a real round does would tell no more here.
            rounds.perform(daemon, max_duration_seconds, lambda seconds: self.told_to_end.wait(10 * seconds))

        self._live(perform)

    def _live(self, work: Callable[[Daemon], None]) -> None:
        try:
            self.daemon = daemon = assemble(self.around)
            work(daemon)
            daemon.close()
            if daemon.crash is not None:
                self.around.clock.crashes.append(daemon.crash)
        except (errors.DuplicatiClientError, OSError) as exc:  # the program would end, and be started anew
            self.failure = exc
        except Exception as exc:
            self.around.clock.crashes.append(exc)
        self.is_over = True

    def _take_tasks(self, daemon: Daemon) -> None:
        daemon.start()
        while daemon.crash is None and not self.told_to_end.wait(5.0):
            pass
        daemon.stop()


class PatientDuplicati(Duplicati):
    """A server whose work is followed by the simulation's clock, by looking now and then."""

    def __init__(self, transport: Transport, store: SessionStore, clock: Clock) -> None:
        credentials = Credentials(find_password=lambda: "correct-horse")
        super().__init__(credentials=credentials, store=store, transport=transport)
        self._clock = clock
        self._patience = {"clock": lambda: clock.seconds, "sleep": clock.sleep, "listen": self._listen}

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.channel, **self._patience)

    @cached_property
    def maintenance(self) -> Maintenance:
        return Maintenance(self.channel, **self._patience)

    def follow(self, started: StartedTask) -> Iterator[Item | None]:
        return Following(self.channel, **self._patience).follow(started)

    def _listen(self, channel: Channel) -> Iterator[live.Event | None]:
        states, progress = States(channel), ProgressReader(channel)
        while True:
            state = states.get()
            yield live.StateChanged(state)
            self._clock.sleep(_LOOK_SECONDS)
            made = progress.get() if state.active is not None else None
            yield None if made is None else live.ProgressMade(made)


class SessionStore(MemorySessionStore):
    """Keeps a session as long as the process lives; who waits for it waits under the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._turn = Turn(clock)

    def lock(self) -> AbstractContextManager[object]:
        return self._turn


class OpenLock:
    """Stands for the lock of the state folder: the simulation starts one process at a time."""

    def close(self) -> None: ...


def assemble(around: Surroundings) -> Daemon:
    """Put a daemon together."""
    return Daemon(_make_parts(around), POLICY)


def _make_parts(around: Surroundings) -> Parts:
    clock, machine, folder = around.clock, around.machine, around.folder
    config = make_config(around.servers)
    threads = Threads(machine.start, lambda: Turn(clock), lambda: Flag(clock), lambda: Gate(clock))
    events = Events(around.write, machine.now, machine.boot_seconds)
    journal = Journal(folder, machine.now, machine.awake_seconds, threads)
    history = History(folder, machine.now)
    link = Link(around.tasks, Identity(folder, TASKS_URL), machine.now, events.tell, machine.boot_seconds)
    timing = Timing(machine.now, link.server_now, machine.boot_seconds, machine.uniform, threads=threads)
    stores = {alias: SessionStore(clock) for alias in around.servers}
    inventory = Inventory(config.servers)

    def make_pace() -> Pace:
        return Pace(machine.uniform, config.poll_seconds)

    def open_one(alias: str) -> Duplicati:
        return PatientDuplicati(around.servers[alias], stores[alias], clock)

    def make_worker(alias: str, hear_of_end: Callable[[str], None]) -> Performer:
        return Worker(alias, lambda: open_one(alias), journal, events, hear_of_end, timing, folder)

    def look(alias: str) -> errors.DuplicatiClientError | None:
        """Ask something small: the inventory reads logs in threads of its own."""
        try:
            with open_one(alias) as server:
                server.state.get()
        except errors.DuplicatiClientError as exc:
            return exc
        return None

    return Parts(
        config=config,
        folder=folder,
        lock=OpenLock(),  # type: ignore[arg-type]
        journal=journal,
        history=history,
        link=link,
        inventory=inventory,
        reporter=Reporter(
            journal, history, link, folder, events, make_pace(), machine.boot_seconds, machine.now, threads
        ),
        rates=Rates(folder, machine.now, machine.boot_seconds),
        events=events,
        health=Health(),
        make_worker=make_worker,
        make_pace=make_pace,
        look=look,
        load_policy=lambda: POLICY,
        now=machine.now,
        clock=machine.boot_seconds,
        awake=machine.awake_seconds,
        threads=threads,
    )


def make_config(aliases: Mapping[str, Any]) -> configuration.DaemonConfig:
    """Return a configuration with these servers, as if it had been read."""

    def way(url: str) -> configuration.Way:
        return configuration.Way(url, None, None, None, is_plain=False)

    servers = {
        alias: configuration.Server(alias, way(f"http://127.0.0.1/{alias}"), password_file=None, credential=None)
        for alias in aliases
    }
    return configuration.DaemonConfig(
        path="daemon.toml",
        name="nas",
        state_folder="state",
        policy_file="daemon.toml",
        task_server=configuration.TaskServer(way(TASKS_URL), token_file=""),
        servers=servers,
        poll_seconds=10,
        in_flight_count=configuration.IN_FLIGHT_COUNT,
        floor_bytes=configuration.FLOOR_MIB << 20,
    )
