"""A task server with one daemon, behind a transport: it has each task performed at once, or does as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from duplicati_client import errors
from duplicati_client.http import Answer, Request
from duplicati_client.operations.perform import Performed, perform
from duplicati_client.operations.perform import Request as Wanted
from duplicati_client.operations.result import make_failure
from duplicati_client.protocol.task import Task, read_task
from duplicati_client.sdk.client import Duplicati

URL = "http://fleet.test"
TOKEN = f"dco_{'a' * 49}"


class End(NamedTuple):
    """How a daemon ends a task."""

    state: str
    data: Mapping[str, Any] = {}


Carry = Callable[[Mapping[str, Any]], End | None]


def perform_on(server: Duplicati) -> Carry:
    """Return what a daemon beside this server does with a task."""

    def carry(content: Mapping[str, Any]) -> End:
        task = read_task({"ID": 1, **content})
        assert isinstance(task, Task), task
        try:
            *_, last = perform(server, Wanted(task.operation, task.resources, task.parameters))
        except errors.DuplicatiClientError as exc:
            return End("error", make_failure(exc))
        assert isinstance(last, Performed)
        outcome = {"Outcome": last.outcome} if last.outcome is not None else {}
        return End("completed", json.loads(json.dumps({**outcome, **last.data})))

    return carry


class FakeFleet:
    """What an operator sees of it. `carry` returns how a task ends, None for one that stays as it is.

    `failures` are raised in the place of the next answers, `steps` are what a task becomes, look by look. Ctrl-C is
    pressed while the look with the number `interrupts_at` is waited for.
    """

    def __init__(self, carry: Carry | None = None) -> None:
        self.base_url = URL
        self.headers: dict[str, str] = {}
        self.carry: Carry = carry or (lambda content: End("completed"))
        self.failures: list[errors.DuplicatiClientError] = []
        self.steps: list[dict[str, Any]] = []
        self.interrupts_at: int | None = None
        self.looks_count = 0
        self.keys: list[str] = []
        self.tasks: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.daemon: dict[str, Any] = {
            "ID": "d1",
            "Name": "nas",
            "State": "active",
            "Level": 1,
            "Labels": {"site": "berlin"},
            "Facts": {},
            "SeenAt": "2026-11-30T10:00:00Z",
            "Presence": "online",
            "Conflict": False,
            "Health": "running",
            "Inventory": {"Servers": [{"Alias": "main", "Reachable": True, "Backups": []}]},
            "InventoryAt": datetime.now(UTC).isoformat(),
        }

    def send(self, request: Request) -> Answer:
        path, _, query = request.path.removeprefix("api/v1/").partition("?")
        self.requests.append(f"{request.method} {path}")
        if self.failures:
            raise self.failures.pop(0)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _problem(401, "unauthorised")
        if path == "me":
            server = {"Version": "1.0", "Epoch": "e1"}
            return _answer(200, {"User": "admin", "Role": "administrator", "Scope": {}, "Server": server})
        if path == "daemons":
            return _answer(200, {"Items": [{**self.daemon, "Inventory": None}] if "attic" not in query else []})
        if path.startswith("daemons/"):
            is_known = path.rpartition("/")[2] in (self.daemon["ID"], self.daemon["Name"])
            return _answer(200, self.daemon) if is_known else _problem(404, "not-found")
        return self._answer_of_tasks(request, path)

    def open_socket(self, deadline_seconds: float) -> Any:
        raise errors.NotSupported("no socket")

    def close(self) -> None:
        """Nothing is held."""

    def _answer_of_tasks(self, request: Request, path: str) -> Answer:
        if path == "tasks":
            key = request.headers["Idempotency-Key"]
            if key not in self.keys:
                self.keys.append(key)
                self._add(json.loads(request.body or b"")["Task"])
            return _answer(201, {"Items": [self.tasks[self.keys.index(key)]]})
        task = self.tasks[int(path.split("/")[2]) - 1]
        if path.endswith("/cancel"):
            if task["State"] in ("pending", "offered"):
                self._change(task, State="cancelled")
            return _answer(200, {**task, "CancelWanted": True})
        self.looks_count += 1
        if self.looks_count == self.interrupts_at:
            raise KeyboardInterrupt
        version = f'"{task["Version"]}"'
        if request.headers.get("If-None-Match") == version:
            if not self.steps:
                return Answer(304, "", (), b"")
            self._change(task, **self.steps.pop(0))
            version = f'"{task["Version"]}"'
        return _answer(200, task, ("ETag", version))

    def _add(self, content: Mapping[str, Any]) -> None:
        task = {
            "Daemon": "d1",
            "DaemonName": "nas",
            "ID": len(self.tasks) + 1,
            "Task": content,
            "State": "pending",
            "Attempt": 1,
            "CreatedAt": "2026-11-30T10:00:00Z",
            "CreatedBy": "admin",
            "CancelWanted": False,
            "Version": 1,
        }
        self.tasks.append(task)
        ended = self.carry(content)
        if ended is not None:
            self._change(task, State=ended.state, Data=ended.data, Outcome=ended.data.get("Outcome"))

    def _change(self, task: dict[str, Any], **members: Any) -> None:
        task.update({**members, "Version": task["Version"] + 1})


def _answer(status: int, value: Any, *headers: tuple[str, str]) -> Answer:
    return Answer(status, "", (("Content-Type", "application/json"), *headers), json.dumps(value).encode())


def _problem(status: int, kind: str) -> Answer:
    body = {"type": f"urn:duplicati-task:{kind}", "title": kind, "status": status, "detail": kind}
    return Answer(status, "", (("Content-Type", "application/problem+json"),), json.dumps(body).encode())
