"""A worker and a small Duplicati server, whose every sign a test sets by hand; no threads, a clock turned by hand.

The server has backup 3, `Documents`, as `BackupServer` has it; `Workbench` has what the daemon knows of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from duplicati_client import errors
from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.events import Event, Events
from duplicati_client.daemon.pace import Timing
from duplicati_client.daemon.performance import Circumstances, End, Pause, Performance, Steps
from duplicati_client.daemon.threads import Threads
from duplicati_client.daemon.worker import Worker
from duplicati_client.http import Request
from duplicati_client.protocol.task import key_of
from duplicati_client.sdk import events as live
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.client import Duplicati
from duplicati_client.sdk.followed import Item, StartedTask
from duplicati_client.sdk.following import Following
from duplicati_client.sdk.maintenance import Maintenance
from duplicati_client.sdk.runs import Runs
from tests.fakes import FakeTransport, Reply, answer
from tests.unit.daemon.bench import START_AT, Clock, FakeFolder, FakeJournal, make_task
from tests.unit.sdk.backup_server import NOON, URL, BackupServer, iso

LANES = ("long", "quick", "watching")
_LOOKS_COUNT = 500


class SmallServer(BackupServer):
    """Backup 3, and backup 4 whose runs take no time.

    `takes_seconds` is how long a run is at it, by the test's clock, None until somebody ends it. `requests_with_effect`
    holds what was asked of it that changes anything; of the paths that it `loses` the answer is lost, not the effect.
    """

    def __init__(self, clock: Clock, release: str = "2.3.1.0") -> None:
        super().__init__(release)
        self.clock = clock
        self.takes_seconds: float | None = 5.0
        self.data_id = self.notice_id = 4
        self.failure: Exception | None = None
        self.pause_ends_at: datetime | None = None
        self.server_settings = {"update-channel": "stable"}
        self.definition: dict[str, Any] = {"TargetURL": "file:///b", "Sources": ["/home"]}
        self.requests_with_effect: list[str] = []
        self.loses: set[str] = set()
        self.other_rows: list[dict[str, Any]] = []
        self.is_locked = False
        self._plans: dict[int, tuple[float, str]] = {}

    @property
    def now(self) -> datetime:
        """What its clock shows: twelve o'clock when the test began."""
        return NOON + (self.clock.now() - self.clock.jump - START_AT)

    def reply(self, request: Request) -> Reply:
        if self.failure is not None:
            raise self.failure
        self._go_on()
        path = request.path.partition("?")[0].removeprefix("api/v1/")
        if request.method != "GET":
            self.requests_with_effect.append(f"{request.method} {path}")
        found = None
        if not self.failures.get(path):
            self.before(request)
            found = self._reply_more(request, path)
        found = super().reply(request) if found is None else found
        if path in self.loses:
            raise errors.ConnectionLost("the connection ended before the answer came")
        return found

    def begin(self, task_id: int, *, at: datetime | None = None, operation: str = "Backup") -> None:
        super().begin(task_id, at=at or self.now)
        if self.takes_seconds is not None:
            self._plans[task_id] = (self.clock.seconds + self.takes_seconds, operation)

    def restart(self) -> None:
        super().restart()
        self._plans.clear()
        self.next_task_id = 1
        self.data_id = self.notice_id = 0

    def finish_in(self, seconds: float, task_id: int = 7, operation: str = "Backup") -> None:
        """Let a task that runs end after so many seconds."""
        self._plans[task_id] = (self.clock.seconds + seconds, operation)

    def add_notice(self, kind: str, message: str, backup_id: str = "3") -> None:
        number = max((notice["ID"] for notice in self.notices), default=0) + 1
        self.notices.append({"ID": number, "Type": kind, "Title": "", "Message": message, "BackupID": backup_id,
                             "Timestamp": iso(self.now), "Exception": ""})  # fmt: skip

    def _go_on(self) -> None:
        for task_id, (ends_at, operation) in list(self._plans.items()):
            if ends_at <= self.clock.seconds and self.active is not None and self.active[0] == task_id:
                del self._plans[task_id]
                self.end(task_id, operation=operation)
        if self.active is None and self.waiting:
            self.begin(self.waiting[0][0], operation="Test")

    def _reply_more(self, request: Request, path: str) -> Reply | None:
        if path == "systeminfo":
            return answer(200, {"ServerVersion": self.release, "ServerTime": iso(self.now), "Options": []})
        if path == "backups":
            return answer(200, [_listed("3", "Documents", self.metadata), _listed("4", "Photos", {})])
        if path == "backup/3/filesets":
            return answer(200, [])
        if path.startswith("backup/4"):
            return self._reply_for_other(path)
        if path == "backup/3" and not self.is_legacy:
            if request.method == "PUT":
                self.definition = json.loads(request.body or b"{}")["Backup"]
            fixed = {"ID": "3", "Name": "Documents", "Metadata": self.metadata, "Settings": self.settings}
            return answer(200, {"Backup": {**fixed, **self.definition}})
        if path == "backup/3/log" and self.is_locked:
            return answer(400, {"Error": "in use", "Code": 400, "HelpId": "DatabaseLocked"})
        if path == "backup/3/verify":
            reply = self._queue()
            number = self.next_task_id - 1
            if number in self._plans:
                self._plans[number] = (self._plans[number][0], "Test")
            return reply
        if path == "serverstate":
            raw = json.loads(self._state().body)
            raw |= {"LastDataUpdateID": self.data_id, "LastNotificationUpdateID": self.notice_id}
            return answer(200, raw | ({"EstimatedPauseEnd": iso(self.pause_ends_at)} if self.pause_ends_at else {}))
        if path in ("serverstate/pause", "serverstate/resume"):
            self.is_paused = path.endswith("pause")
            self.pause_ends_at = None
            if (duration := request.path.partition("duration=")[2]) and self.is_paused:
                self.pause_ends_at = self.now + timedelta(seconds=float(duration.partition("&")[0].rstrip("s")))
            return answer(200, {})
        if path == "tasks":
            live_ones = [pair for pair in (self.active, *self.waiting) if pair]
            return answer(200, [{"ID": n, "Status": "Running", "BackupID": b,
                                 "TaskStarted": iso(self.tasks[n]["started"])} for n, b in live_ones])  # fmt: skip
        if path == "serversettings":
            if request.method == "PATCH":
                self.server_settings |= json.loads(request.body or b"{}")
            return answer(200, self.server_settings)
        if path.startswith("task/") and path.endswith(("/stop", "/abort")):
            self.end(int(path.split("/")[1]), result="Warning", Interrupted=True, PartialBackup=True)
            return answer(200, {"Status": "OK"})
        if path.startswith("notification/"):
            number = int(path.rpartition("/")[2])
            kept = [notice for notice in self.notices if notice["ID"] != number]
            is_known, self.notices = len(kept) < len(self.notices), kept
            return answer(200, {"Status": "OK"}) if is_known else answer(404, {"Error": "Notification not found"})
        return None

    def _reply_for_other(self, path: str) -> Reply:
        if path.endswith("/log"):
            return answer(200, self.other_rows)
        if path.endswith("/run"):
            number, self.next_task_id = self.next_task_id, self.next_task_id + 1
            self.tasks[number] = {"Status": "Completed", "started": self.now, "finished": self.now, "error": None}
            self.rows, self.other_rows = self.other_rows, self.rows
            self.add_row("Success", began_at=self.now, ended_at=self.now)
            self.rows, self.other_rows = self.other_rows, self.rows
            return answer(200, {"Status": "OK", "ID": number})
        inner = _listed("4", "Photos", {})
        return answer(200, {"success": True, "data": inner} if self.is_legacy else inner)


def _listed(backup_id: str, name: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    return {"Backup": {"ID": backup_id, "Name": name, "Metadata": metadata, "Settings": []}, "Schedule": None}


class TurnedDuplicati(Duplicati):
    """A client of it whose patience only the test's clock measures; it looks at the server once a second."""

    def __init__(self, server: SmallServer) -> None:
        self.small = server
        store = MemorySessionStore()
        generation = "legacy" if server.is_legacy else "modern"
        token = {"xsrf_token": "x"} if server.is_legacy else {}
        store.save(Session(URL, generation, "t", 9e9, version=server.release, **token))
        self.asking = FakeTransport(server.reply, url=URL)
        super().__init__(credentials=Credentials(forever_token="t"), store=store, transport=self.asking)
        self._patience = {"clock": server.clock, "sleep": self._sleep, "listen": self._listen}

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.channel, **self._patience)

    @cached_property
    def maintenance(self) -> Maintenance:
        return Maintenance(self.channel, **self._patience)

    def follow(self, started: StartedTask) -> Iterator[Item | None]:
        return Following(self.channel, **self._patience).follow(started)

    def events(self) -> Iterator[live.Event | None]:
        return self._listen(self.channel)

    def _sleep(self, seconds: float) -> None:
        self.small.clock.seconds += seconds

    def _listen(self, channel: Any) -> Iterator[live.Event | None]:
        for _ in range(_LOOKS_COUNT):
            self._sleep(1.0)
            yield live.StateChanged(self.state.get())
        raise AssertionError("it is followed to no end")


class TimedJournal(FakeJournal):
    """Notes when each step was recorded."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def record(self, key: str, step: Step, fields: Mapping[str, Any]) -> Entry:
        known = self.entries.get(key) or Entry(key, Step.RECEIVED, {})
        self.entries[key] = known._replace(received_at=known.received_at or self._clock.now().isoformat())
        return super().record(key, step, fields)


class TurnedTurn(threading.Condition):
    """What a worker takes turns with; waiting for a time turns the clock instead."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        self._clock.seconds += timeout or 0.0
        return predicate()


class Workbench:
    """What the daemon has: a journal, events, a worker. `ended` are the keys that the loop heard of, in order."""

    def __init__(self, release: str = "2.3.1.0") -> None:
        self.clock = Clock()
        self.server = SmallServer(self.clock, release)
        self.journal, self.folder = TimedJournal(self.clock), FakeFolder()
        self.told: list[Event] = []
        self.ended: list[str] = []
        self.offset = timedelta()
        self.opened_count = 0
        self.fail_to_open: Exception | None = None
        self.has_died = self.is_cancelled = self.may_stop = False
        self.took_along: list[Mapping[str, Any] | None] = []
        self.settle_seconds = 0.0
        self.revive()

    def revive(self) -> None:
        """Be the next process: what the journal holds is all that is known."""
        self.events = Events(self.told.append, self.clock.now, self.clock)
        threads = Threads(make_turn=lambda: TurnedTurn(self.clock))
        timing = Timing(self.clock.now, self.server_now, self.clock, lambda low, high: high, threads=threads)
        self.worker = Worker("main", self._open, self.journal, self.events, self.ended.append, timing, self.folder)

    def server_now(self) -> datetime:
        """The task server's time, which no jump of ours moves."""
        return self.clock.now() - self.clock.jump + self.offset

    def _open(self) -> TurnedDuplicati:
        self.opened_count += 1
        if self.fail_to_open is not None:
            raise self.fail_to_open
        return TurnedDuplicati(self.server)

    # --- tasks ----------------------------------------------------------------------------------------

    def decide(self, task_id: int = 1, **members: Any) -> str:
        """Put an accepted task into the journal and return its key."""
        task = make_task(ID=task_id, **members)
        key = key_of(task_id)
        self.journal.record(key, Step.RECEIVED, {"Content": dict(task.raw), "Digest": task.digest, "Server": "main"})
        self.journal.record(key, Step.DECIDED, {"Verdict": "accept"})
        return key

    def give(self, task_id: int = 1, **members: Any) -> str:
        """The same, and let the worker have it."""
        key = self.decide(task_id, **members)
        self.worker.put(key)
        return key

    def work(self, *lanes: str, turns: int = 50) -> int:
        """Let the lanes work until nothing can be done now; return how often one did something."""
        count = 0
        while count < turns and any(self.worker.take_turn(lane) for lane in lanes or LANES):
            count += 1
        return count

    def work_until(self, holds: Callable[[], Any], *, step_seconds: float = 5.0, turns: int = 2000) -> None:
        """Let time pass, and the worker work, until something holds."""
        for _ in range(turns):
            self.work()
            if holds():
                return
            self.clock.seconds += step_seconds
        raise AssertionError("waited in vain")

    def outcome(self, key: str) -> tuple[str, Mapping[str, Any]] | None:
        """Return the end of a task as it is recorded, None as long as there is none."""
        found = self.journal.entries[key].steps.get(Step.OUTCOME)
        return None if found is None else (found["Status"], found["Data"])

    def state(self, key: str) -> str:
        """Return the worker's word for what a task does."""
        return next(one.state for one in self.worker.running if key_of(one.task_id) == key)

    # --- one performance, without a worker ------------------------------------------------------------

    def begin(self, key: str) -> None:
        """Perform a task until the server has taken it, and no further."""
        steps = self._make_steps(key)
        for _ in range(100):
            next(steps)
            if self.journal.entries[key].step is Step.SUBMITTED:
                return
        raise AssertionError("it does not begin")

    def perform(self, key: str) -> tuple[End | None, list[Pause]]:
        """Perform a task until it ends, or until it waits for long; return both the end and what it waited for."""
        steps = self._make_steps(key)
        pauses: list[Pause] = []
        try:
            for _ in range(5000):
                happened = next(steps)
                if isinstance(happened, Pause):
                    pauses.append(happened)
                    self.clock.seconds += happened.seconds
                    self.settle_seconds -= happened.seconds
                    if not happened.is_short and len(pauses) > 20:
                        return None, pauses
        except StopIteration as done:
            return done.value, pauses
        raise AssertionError("it comes to no end")

    def _make_steps(self, key: str) -> Steps:
        task = make_task(**self.journal.entries[key].steps[Step.RECEIVED]["Content"])
        around = Circumstances(
            take_death=self._take_death,
            settle=lambda: self.settle_seconds,
            is_cancelled=lambda: self.is_cancelled,
            may_stop=lambda: self.may_stop,
            take_along=lambda: self.took_along.append(self.journal.entries[key].steps.get(Step.INTENT)),
        )
        return Performance(self.journal, key, task, around).perform(TurnedDuplicati(self.server))

    def _take_death(self) -> bool:
        has_died, self.has_died = self.has_died, False
        return has_died
