"""One backup on a server whose every sign a test sets by hand: task, state, rows, notifications, metadata, progress."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from duplicati_client import errors
from duplicati_client.http import Answer, Request
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel
from duplicati_client.sdk.events import Event
from duplicati_client.sdk.followed import Ended, Item, StartedTask
from duplicati_client.sdk.maintenance import Maintenance
from duplicati_client.sdk.runs import Runs
from tests.fakes import Clock, FakeTransport, Reply, answer

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "http://127.0.0.1:8200"


def iso(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None


class BackupServer:
    """Backup 3 of a server; attributes are what it would answer now. `before` runs before each answer."""

    def __init__(self, release: str = "2.3.1.0") -> None:
        self.release = release
        self.is_legacy = release.startswith("2.0")
        self.has_times = not release.startswith(("2.0", "2.1"))
        self.active: tuple[int, str | None] | None = None
        self.waiting: list[tuple[int, str | None]] = []
        self.is_paused = False
        self.event_id = 10
        self.next_task_id = 7
        self.tasks: dict[int, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.metadata: dict[str, str] = {}
        self.settings: list[dict[str, str]] = []
        self.progress: dict[str, Any] | None = None
        self.failures: dict[str, list[Reply]] = {}
        self.before: Callable[[Request], None] = lambda request: None
        self.runs_count = 0

    # --- what happens on the server

    def begin(self, task_id: int, *, at: datetime = NOON) -> None:
        self.active, self.event_id = (task_id, "3"), self.event_id + 1
        self.waiting = [pair for pair in self.waiting if pair[0] != task_id]
        self.tasks[task_id] = {"Status": "Running", "started": at, "finished": None, "error": None}

    def end(
        self, task_id: int, *, result: str | None = "Success", status: str = "Completed", took_seconds: float = 5,
        error: str | None = None, **members: Any,
    ) -> None:  # fmt: skip
        task = self.tasks[task_id]
        finished = task["started"] + timedelta(seconds=took_seconds)
        self.tasks[task_id] = task | {"Status": status, "finished": finished, "error": error}
        self.active, self.event_id = None, self.event_id + 1
        if result is not None:
            self.add_row(result, began_at=task["started"] + timedelta(milliseconds=5), ended_at=finished, **members)

    def add_row(
        self, result: str, *, began_at: datetime = NOON, ended_at: datetime = NOON, operation: str = "Backup",
        **members: Any,
    ) -> None:  # fmt: skip
        message = {"MainOperation": operation, "ParsedResult": result, "BeginTime": iso(began_at),
                   "EndTime": iso(ended_at), "Interrupted": False, **members}  # fmt: skip
        row_id = max((row["ID"] for row in self.rows), default=0) + 1
        self.rows.insert(
            0, {"ID": row_id, "Type": "Result", "Timestamp": 1, "Message": json.dumps(message), "Exception": {}}
        )

    def restart(self) -> None:
        self.tasks, self.active, self.waiting, self.event_id, self.progress = {}, None, [], 1, None

    def fail(self, path: str, *replies: Reply) -> None:
        """Answer the next requests for a path like this."""
        self.failures[path] = list(replies)

    # --- what it answers

    def reply(self, request: Request) -> Reply:
        self.before(request)
        path = request.path.partition("?")[0].removeprefix("api/v1/")
        if self.failures.get(path):
            return self.failures[path].pop(0)
        if found := re.fullmatch(r"task/(\d+)", path):
            return self._task(int(found[1]))
        answers: dict[str, Callable[[], Answer]] = {
            "serverstate": self._state,
            "backup/3": self._backup,
            "backup/3/log": lambda: answer(200, self.rows[:50]),
            "backup/3/run": self._run,
            **{f"backup/3/{verb}": self._queue for verb in ("verify", "repair", "compact", "vacuum")},
            "notifications": lambda: answer(200, self.notices),
            "progressstate": self._progress,
            "systeminfo": lambda: answer(200, {"ServerVersion": self.release}),
        }
        return answers[path]()

    def _state(self) -> Answer:
        pair = {"Item1": self.active[0], "Item2": self.active[1]} if self.active else None
        queue = [{"Item1": number, "Item2": backup_id} for number, backup_id in self.waiting]
        state = "Paused" if self.is_paused else "Running"
        return answer(
            200, {"ActiveTask": pair, "SchedulerQueueIds": queue, "ProgramState": state, "LastEventID": self.event_id}
        )

    def _backup(self) -> Answer:
        inner = {"ID": "3", "Name": "Documents", "Metadata": self.metadata, "Settings": self.settings}
        return answer(200, {"success": True, "data": {"Backup": inner}} if self.is_legacy else {"Backup": inner})

    def _run(self) -> Answer:
        self.runs_count += 1
        mine = [pair for pair in (self.active, *self.waiting) if pair and pair[1] == "3"]
        number = mine[0][0] if mine else self.next_task_id
        if not mine:
            self.next_task_id += 1
            self.begin(number)
        return answer(200, {"Status": "OK"} | ({} if self.is_legacy else {"ID": number}))

    def _queue(self) -> Answer:
        number, self.next_task_id = self.next_task_id, self.next_task_id + 1
        if self.active is None:
            self.begin(number)
        else:
            self.waiting.append((number, "3"))
            self.tasks[number] = {"Status": "Waiting", "started": None, "finished": None, "error": None}
        return answer(200, {"Status": "OK", "ID": number})

    def _task(self, number: int) -> Answer:
        task = self.tasks.get(number)
        if task is None:
            return answer(404, {"Error": "No such task found", "Code": 404})
        times = {"TaskStarted": iso(task["started"]), "TaskFinished": iso(task["finished"])} if self.has_times else {}
        status = task["Status"] if self.has_times or task["Status"] != "Failed" else "Completed"
        error = task["error"] if self.has_times else None
        return answer(200, {"Status": status, "ID": number, "ErrorMessage": error, **times})

    def _progress(self) -> Answer:
        return answer(404, {"Error": "No active backup"}) if self.progress is None else answer(200, self.progress)


class Following:
    """A client of that server, whose events a test gives and whose clock only sleeping turns."""

    def __init__(
        self, server: BackupServer, events: Callable[[BackupServer], Iterator[Event | None]] | None = None
    ) -> None:
        self.server = server
        self.transport = FakeTransport(server.reply, url=URL)
        self.clock = Clock()
        store = MemorySessionStore()
        generation = "legacy" if server.is_legacy else "modern"
        store.save(
            Session(URL, generation, "t", 9e9, xsrf_token="x" if server.is_legacy else None, version=server.release)
        )
        channel = Channel(self.transport, Credentials(forever_token="t"), store)
        turned: dict[str, Any] = {
            "clock": self.clock,
            "sleep": self.clock.sleep,
            "listen": lambda _: self._hear(events),
        }
        self.runs, self.maintenance = Runs(channel, **turned), Maintenance(channel, **turned)
        self.items: list[Item | None] = []

    def _hear(self, events: Callable[[BackupServer], Iterator[Event | None]] | None) -> Iterator[Event | None]:
        yield from events(self.server) if events else ()
        for _ in range(2000):
            self.clock.sleep(1.0)
            yield None
        raise AssertionError("the task never ended")

    def start(self) -> StartedTask:
        return self.runs.start("3")

    def follow(self, run: StartedTask) -> Ended:
        self.items = list(self.runs.follow(run))
        assert isinstance(self.items[-1], Ended)
        return self.items[-1]

    @property
    def notes(self) -> list[str]:
        return [item.text for item in self.items if hasattr(item, "is_detail")]


def gone(*, kind: type[errors.DuplicatiClientError] = errors.ConnectionRefused) -> errors.DuplicatiClientError:
    return kind("the server is away")
