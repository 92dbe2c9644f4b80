"""Everything that one seed is about: it lets the scenario happen, then lets all come to rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.events import Event
from duplicati_client.http import Answer, Request

from .clock import Clock, Machine
from .disk import Disk
from .duplicati import Server, find_effect
from .engine import Engine, Habits
from .incidents import STRIKES
from .ledger import Ledger
from .network import End, Line, Network
from .process import TASKS_URL, Process, Surroundings
from .scenario import NOTICES_FROM, Incident, Scenario, draw
from .tasks import Given, Key, TaskServer
from .tasks import key_of as id_key

REST_SECONDS_MAX = 4 * 3600.0
_TIDY_SECONDS = 70.0
_CAUSE = "X-Cause"
_NOTICES_COUNT = 20


class EffectLine(Line):
    """A line to a Duplicati server that notes for which task something is changed."""

    def __init__(self, alias: str, ledger: Ledger, network: Network, machine: Machine, end: End) -> None:
        super().__init__(network, machine, end)
        self._alias, self._ledger = alias, ledger

    def send(self, request: Request) -> Answer:
        effect = find_effect(request)
        if effect is None or effect.operation == "stop":
            return super().send(request)
        cause = self._ledger.find_cause(self._alias, effect)
        return super().send(request._replace(headers={**request.headers, _CAUSE: cause or ""}))


class TaskLine(Line):
    """The line to the task server that notes what is said of each task, in the order in which it is sent."""

    def __init__(self, said: dict[Key, list[str]], network: Network, machine: Machine, end: End) -> None:
        super().__init__(network, machine, end)
        self._said = said

    def send(self, request: Request) -> Answer:
        if request.path.endswith("/result"):
            body = json.loads(request.body or b"{}")
            # That an id is taken says nothing of the task that bears it.
            if body.get("Data", {}).get("Code") != "id-conflict":
                self._said.setdefault(id_key(body["ID"]), []).append(body["Status"])
        return super().send(request)


class World:
    """One simulation. `log` is what happened, `fired` how often each kind of fault did."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.scenario: Scenario = draw(seed)
        self.fired: Counter[str] = Counter()
        self.log: list[tuple[float, str, str]] = []
        self.clock = clock = Clock(Random(f"clock {seed}"), self.scenario.stall_share)
        self.ledger = Ledger(clock)
        self.network = Network(clock, Random(f"network {seed}"), self.fired, partial(self.tell, "network"))
        self.disk = Disk(clock, Random(f"disk {seed}"), self.fired, self.ledger.hear)
        self.tasks = TaskServer(clock, Random(f"tasks {seed}"), self.scenario.level, partial(self.tell, "task server"))
        self.servers = {alias: self._make_server(alias) for alias in self.scenario.aliases}
        self.processes: list[Process] = []
        self.accepted: dict[str, None] = {}
        self.said: dict[Key, list[str]] = {}
        self.machine = Machine(clock)
        self.wall_offset = timedelta()
        self.jumps_count = 0
        self.is_calm = False
        self.is_cron = self.scenario.is_cron
        self.rest_at: float | None = None
        self.left_count = 0
        self.kept: dict[Key, Given] = {}

    def tell(self, who: str, text: str) -> None:
        self.log.append((self.clock.seconds, who, text))

    def _make_server(self, alias: str) -> Server:
        chance = Random(f"{alias} {self.seed}")
        engine = Engine(self.clock, chance, Habits(), partial(self.tell, alias))
        for number in range(1, _NOTICES_COUNT):
            engine.add_notice("Warning", "old", None, number=NOTICES_FROM + number)
        return Server(engine, is_legacy=alias == "legacy")

    # --- the whole ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Let it happen and come to rest, then end everything."""
        scenario = self.scenario
        self.network.weather = dict(scenario.weathers)
        # Nobody sends a run twice to a server at home: no daemon could help it.
        self.network.weather["duplicati"] = {**scenario.weathers["duplicati"], "twice": 0.0}
        for at, item in scenario.tasks:
            self.clock.after(at, partial(self._give, item))
        for incident in scenario.incidents:
            self.clock.after(incident.at, partial(self._strike, incident))
            if incident.kind == "task server is restored":
                self.clock.after(incident.what, self._keep_copy)
        self._start()
        self.clock.sleep(scenario.troubled_until)
        self._calm_down()
        ends_at = scenario.troubled_until + REST_SECONDS_MAX
        while self.rest_at is None and not self.clock.crashes and self.clock.seconds < ends_at:
            self.clock.sleep(20.0)
            self._look_after()
        self.clock.sleep(_TIDY_SECONDS)
        self._count_what_is_left()
        self.machine.kill()
        self.clock.sleep(1.0)

    def _give(self, item: Any) -> None:
        self.tell("operator", f"gives {item}")
        self.tasks.give(item)

    def _keep_copy(self) -> None:
        self.kept = self.tasks.keep()

    def _calm_down(self) -> None:
        self.tell("world", "no more faults")
        self.is_calm = True
        self.network.weather = {}
        self.network.is_out.clear()
        self.disk.recover()

    def _look_after(self) -> None:
        """Do what an operator does: release what is held, and see whether all is done."""
        daemon = self.processes[-1].daemon
        if daemon is not None and not self.processes[-1].is_over and not self.machine.is_dead and daemon.list_held():
            self.tell("operator", f"releases {daemon.list_held()}")
            self.machine.start("operator", daemon.release)
            self.is_cron = False
        if not self.tasks.find_open() and self._is_daemon_done():
            self.rest_at = self.clock.seconds

    def _count_what_is_left(self) -> None:
        """See what a daemon that has nothing to do keeps in its journal; a round of cron may end before it is tidy."""
        daemon = self.processes[-1].daemon
        if daemon is not None and not self.is_cron and not self.machine.is_dead:
            self.left_count = len(daemon.parts.journal.entries)

    def _is_daemon_done(self) -> bool:
        daemon = self.processes[-1].daemon
        if daemon is None or (self.processes[-1].is_over and not self.is_cron):
            return False
        entries = daemon.parts.journal.entries.values()
        return all(entry.step is Step.CONFIRMED for entry in entries) and not daemon.parts.reporter.count_pending()[0]

    # --- the daemon's process -------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the daemon's process, and again whenever it has ended."""
        self.machine = machine = Machine(self.clock, wall_offset=self.wall_offset, stalls=True)
        lines = {
            alias: EffectLine(alias, self.ledger, self.network, machine, self._find_end(alias))
            for alias in self.servers
        }
        end = End(TASKS_URL, "tasks", "tasks", self.tasks, self.tasks.answer)
        tasks = TaskLine(self.said, self.network, machine, end)
        around = Surroundings(self.clock, machine, self.disk.mount(machine), tasks, lines, self._hear)
        process = Process(around)
        self.processes.append(process)
        self.tell("world", f"the daemon starts, life {len(self.processes)}{', for one round' if self.is_cron else ''}")
        work = partial(process.run_once, self.clock.chance.uniform(20.0, 120.0)) if self.is_cron else process.run
        machine.start("main", work)
        self._watch(process, machine)

    def _watch(self, process: Process, machine: Machine) -> None:
        if machine is not self.machine:
            return
        if process.is_over or machine.is_dead:
            if not machine.is_dead:
                machine.kill()
            if process.failure is not None:
                self.tell("world", f"the daemon ended: {process.failure!r}")
                self.fired["a daemon that could not go on"] += 1
            if self.rest_at is None:
                self.start_again(self.clock.chance.uniform(5.0, 20.0))
        else:
            self.clock.after(2.0, partial(self._watch, process, machine))

    def start_again(self, seconds: float) -> None:
        """Let the next life of the daemon begin in a while."""
        self.machine = Machine(self.clock)
        self.machine.is_dead = True
        self.clock.after(seconds, partial(self._start_if_ended, self.machine))

    def _start_if_ended(self, placeholder: Machine) -> None:
        if self.machine is placeholder:
            self._start()

    def _hear(self, event: Event) -> None:
        if event.key is not None and event.text.endswith((": accepted", ": taken up again")):
            self.accepted.setdefault(event.key)
        if not self.clock.current.is_dead:
            self.tell("daemon", f"{event.code}: {event.text}{f' [{event.key}]' if event.key else ''}")

    def _find_end(self, alias: str) -> End:
        url, deliver = f"http://127.0.0.1/{alias}", partial(self._deliver_to, alias)
        return End(url, "duplicati", alias, self.servers[alias], deliver)

    def _deliver_to(self, alias: str, request: Request, reply: Callable[[Answer], None]) -> None:
        effect, cause = find_effect(request), request.headers.get(_CAUSE)
        if effect is not None and effect.operation != "stop":
            self.tell(alias, f"{effect.operation} {effect.about} is asked for by {cause}")
        self.servers[alias].answer(request, reply, cause)

    # --- what goes wrong ------------------------------------------------------------------------------

    def _strike(self, incident: Incident) -> None:
        if self.is_calm:
            return
        self.tell("world", f"{incident.kind} ({incident.what}), {incident.seconds:.1f} s")
        if STRIKES[incident.kind](self, incident) is not False:
            self.fired[incident.kind] += 1
