"""A whole daemon without threads or sockets: a test turns its clock, lets it poll, work and report, and restarts it.

Its task server is that of `tests.task_server`, asked in memory; its Duplicati server is that of `workbench`; its state
folder has no disk.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from duplicati_client import errors
from duplicati_client.daemon import policy as policies
from duplicati_client.daemon import snapshot
from duplicati_client.daemon.config import DaemonConfig, load
from duplicati_client.daemon.events import Event, Events
from duplicati_client.daemon.health import Health
from duplicati_client.daemon.history import History
from duplicati_client.daemon.identity import Identity
from duplicati_client.daemon.inventory import Inventory
from duplicati_client.daemon.journal import Journal
from duplicati_client.daemon.link import Link
from duplicati_client.daemon.loop import Daemon
from duplicati_client.daemon.pace import Pace, Timing
from duplicati_client.daemon.parts import Parts
from duplicati_client.daemon.rates import Rates
from duplicati_client.daemon.reporter import Reporter
from duplicati_client.daemon.threads import Threads
from duplicati_client.daemon.worker import Worker
from duplicati_client.http import Answer, Request
from tests.daemon_stage import write_configuration
from tests.fakes import FakeTransport
from tests.task_server import Reply, Seen, TaskServer, _find_route
from tests.unit.daemon.bench import Clock
from tests.unit.daemon.workbench import LANES, SmallServer, TurnedDuplicati, TurnedTurn

URL = "http://127.0.0.1:8300"
_LONG_POLL_SECONDS = 30.0
Spoil = Callable[[Request], Answer | Exception | None]


class TurnedFlag(threading.Event):
    """A flag; waiting for it turns the clock instead."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.seconds += 0.0 if self.is_set() else timeout or 0.0
        return self.is_set()


class NoThread:
    """A thread that never began."""

    def is_alive(self) -> bool:
        return False

    def join(self, timeout: float | None = None) -> None: ...


class NoLock:
    def close(self) -> None: ...


class MemoryFolder:
    """A state folder without a disk. It takes nothing more while `failure` is set, and has as much room as it says."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.failure: OSError | None = None
        self.room_bytes = (50 << 30, 100 << 30)
        self.failed_count = 0

    def read(self, name: str) -> bytes | None:
        return bytes(self.files[name]) if name in self.files else None

    def read_part(self, name: str, offset_bytes: int, size_bytes: int) -> bytes:
        return bytes(self.files.get(name, b"")[offset_bytes : offset_bytes + size_bytes])

    def open_log(self, name: str) -> MemoryLog:
        self.check()
        return MemoryLog(self, self.files.setdefault(name, bytearray()))

    def create(self, name: str, data: bytes) -> None:
        self.check()
        self.files[name] = bytearray(data)

    def reserve(self, name: str, size_bytes: int) -> None:
        self.create(name, b"")

    def rename(self, name: str, new_name: str) -> None:
        self.files[new_name] = self.files.pop(name)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def names(self) -> list[str]:
        return sorted(self.files)

    def room(self) -> tuple[int, int]:
        return self.room_bytes

    def check(self) -> None:
        if self.failure is not None:
            self.failed_count += 1
            raise self.failure


class MemoryLog:
    def __init__(self, folder: MemoryFolder, data: bytearray) -> None:
        self._folder, self._data = folder, data

    def append(self, data: bytes) -> None:
        self._folder.check()
        self._data += data

    def sync(self) -> None:
        self._folder.check()

    def truncate(self, size_bytes: int) -> None:
        del self._data[size_bytes:]

    def close(self) -> None: ...


class LoopBench:
    """A daemon between its two servers. `told` are its events, over all of its lives."""

    def __init__(self, folder: Path, *, level: int = 1, preset: str = "full", poll_seconds: int = 30) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder
        self.config_path = write_configuration(folder, URL, "http://127.0.0.1:8200", preset)
        self.edit(f"poll_seconds = {poll_seconds}", "poll_seconds = 1")
        self.clock = Clock()
        self.slept_seconds = 0.0
        self.tasks = TaskServer(level=level, now=self.clock)
        self.tasks.wait_seconds_max = 0.0
        self.server = SmallServer(self.clock)
        self.server_clock_offset = timedelta()
        self.told: list[Event] = []
        self.logins_fail: errors.DuplicatiClientError | None = None
        self.spoil: Spoil = lambda request: None
        self.spoilt_count = self.opened_count = 0
        (folder / "state").mkdir(mode=0o700, exist_ok=True)
        self.folder = MemoryFolder()
        self.waits: list[float] = []
        self.threads: dict[str, Callable[[], None]] = {}
        self.restart()

    def edit(self, new: str, old: str) -> None:
        """Change the configuration's text."""
        path = Path(self.config_path)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    # --- lives ----------------------------------------------------------------------------------------

    def restart(self, *, in_order: bool = False, begins: bool = True) -> Daemon:
        """End the process, as a kill does or in order, and start the next one; which need not begin by itself."""
        if in_order:
            self.daemon.close()
        self.config: DaemonConfig = load(self.config_path)
        self.transport = FakeTransport(self._answer, url=URL)
        self.daemon = Daemon(self._make_parts(), policies.load(self.config.policy_file, self.config.servers))
        if begins:
            self.daemon.begin()
        return self.daemon

    def _make_parts(self) -> Parts:
        config, folder, clock = self.config, self.folder, self.clock
        threads = Threads(self._start, lambda: TurnedTurn(clock), lambda: TurnedFlag(clock))
        events = Events(self.told.append, clock.now, clock)
        journal, history = Journal(folder, clock.now, clock), History(folder, clock.now)
        identity = Identity(folder, URL, token_file=config.task_server.token_file)
        link = Link(self.transport, identity, clock.now, events.tell, clock)
        timing = Timing(clock.now, link.server_now, clock, lambda low, high: high, threads=threads)
        inventory = Inventory(config.servers)

        def look(alias: str) -> errors.DuplicatiClientError | None:
            try:
                return inventory.look(alias, self._open())
            except errors.DuplicatiClientError as exc:
                return exc

        return Parts(
            config=config,
            folder=folder,
            lock=NoLock(),
            journal=journal,
            history=history,
            link=link,
            inventory=inventory,
            reporter=Reporter(
                journal, history, link, folder, events, self._make_pace(), clock, clock.now, accepted_seconds=0.0
            ),
            rates=Rates(folder, clock.now, clock),
            events=events,
            health=Health(),
            make_worker=lambda alias, hear: Worker(alias, self._open, journal, events, hear, timing, folder),
            make_pace=self._make_pace,
            look=look,
            load_policy=lambda: policies.load(load(self.config_path).policy_file, config.servers),
            now=clock.now,
            clock=clock,
            awake=lambda: clock() - self.slept_seconds,
            threads=threads,
        )

    def _start(self, name: str, work: Callable[[], None]) -> NoThread:
        self.threads[name] = work
        return NoThread()

    def _make_pace(self) -> Pace:
        return Pace(lambda low, high: high, self.config.poll_seconds)

    def _open(self) -> TurnedDuplicati:
        self.opened_count += 1
        if self.logins_fail is not None:
            raise self.logins_fail
        return TurnedDuplicati(self.server)

    # --- the task server, in memory -------------------------------------------------------------------

    def _answer(self, request: Request) -> Answer | errors.DuplicatiClientError:
        spoilt = self.spoil(request)
        if spoilt is not None:
            self.spoilt_count += 1
            return spoilt
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = f"/{request.path}"
        route = _find_route(request.method, urlsplit(path).path, "")
        seen = Seen(route, request.method, path, headers, request.body or b"")
        fault = self.tasks.note(seen)
        reply = self.tasks.answer(seen) if fault is None or fault.has_effect else Reply(200)
        reply = reply if fault is None else fault.spoil(reply)
        date = ("Date", format_datetime(self.server_now, usegmt=True))
        return Answer(reply.status, "", (date, *reply.headers), reply.content)

    @property
    def server_now(self) -> datetime:
        """The task server's time."""
        return (self.clock.now() - self.clock.jump + self.server_clock_offset).replace(microsecond=0)

    # --- one after the other --------------------------------------------------------------------------

    def turn(self) -> float:
        """Poll once, then work and report until nothing is to be done now; return what the poll says of the next."""
        seconds = self.daemon.take_turn()
        self.waits.append(seconds)
        self.pump()
        return seconds

    def pump(self) -> None:
        """Let workers work and results be sent until nothing is to be done now."""
        for _ in range(5000):
            workers = self.daemon.workers.values()
            is_busy = any(worker.take_turn(lane) for worker in workers for lane in LANES)
            if not self.daemon.parts.reporter.send_next() and not is_busy:
                return
        raise AssertionError("it does not come to rest")

    def live(self, seconds: float, *, most_seconds: float = 60.0) -> None:
        """Let time pass and the daemon do its turns, each when it is due."""
        ends_at = self.clock.seconds + seconds
        while self.clock.seconds < ends_at:
            due_seconds = self.turn()
            if due_seconds == 1.0:  # a real task server would have kept it waiting as long
                due_seconds = _LONG_POLL_SECONDS
            self.clock.seconds += min(max(0.5, due_seconds), most_seconds)

    # --- what is true ---------------------------------------------------------------------------------

    def tell(self, code: str) -> list[str]:
        """Return the texts of the events of this code."""
        return [event.text for event in self.told if event.code == code]

    def results(self, task_id: Any) -> list[tuple[str, Mapping[str, Any]]]:
        """Return status and data of each result that came for a task."""
        return [(one["Status"], one.get("Data", {})) for one in self.tasks.find_results(task_id)]

    def end_of(self, task_id: Any) -> Mapping[str, Any]:
        """Return the one terminal result of a task, status and data in one."""
        ends = [found for found in self.results(task_id) if found[0] != "accepted"]
        assert len({json.dumps(end) for end in ends}) == 1, ends
        return {"Status": ends[0][0], **ends[0][1]}

    def snapshot(self) -> dict[str, Any]:
        """Return what `daemon status` gets, as it travels."""
        return json.loads(json.dumps(snapshot.take(self.daemon)))

    def problems(self) -> list[str]:
        """Return the codes of what is wrong, as `daemon status` tells."""
        return [problem["code"] for problem in self.snapshot()["problems"]]
