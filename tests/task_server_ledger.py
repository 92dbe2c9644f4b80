"""A small fleet and its operator, who ask until they are answered, and a ledger of what they were told.

What the task server acknowledged is what must be true of it later, whatever died in between: no task is lost or given
twice, no result is lost or applied twice, no accepted task is handed out again.
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PATIENCE_SECONDS = 90.0
_REQUEST_SECONDS = 40.0


class Reply(NamedTuple):
    """An answer, and how often it was asked for until it came."""

    status: int
    value: Any
    tries: int


class Wire:
    """Asks a task server that may be away; `at_loss` is called whenever there was no answer, before the next try."""

    def __init__(self, find_url: Callable[[], str], at_loss: Callable[[], None]) -> None:
        self._find_url, self._at_loss = find_url, at_loss

    def insist(self, method: str, path: str, value: Any = None, *, token: str, **headers: str) -> Reply:
        """Send a request until it is answered, and not by 503 or 429, unless that is the answer to a wrong code."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        tries = 0
        while True:
            tries += 1
            try:
                status, body = self._send(method, path, value, token, headers)
            except (OSError, http.client.HTTPException):
                status, body = 503, b""
            if status not in (429, 503) or b":too-many-codes" in body:
                return Reply(status, json.loads(body) if body else None, tries)
            if time.monotonic() > ends_at:
                raise TimeoutError(f"{method} {path} was asked {tries} times, and never answered")
            self._at_loss()

    def _send(self, method: str, path: str, value: Any, token: str, headers: dict[str, str]) -> tuple[int, bytes]:
        place = urlsplit(self._find_url())
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=_REQUEST_SECONDS)
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        sent["Authorization"] = f"Bearer {token}"
        try:
            body = None if value is None else json.dumps(value).encode()
            connection.request(method, path, body, {**sent, "Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class Ledger:
    """What was acknowledged; tasks are told apart by the name in them, which is their idempotency key too.

    Where the database can die, a task server asks it once more by itself, and what it finds done is a duplicate.
    """

    def __init__(self, *, has_mortal_database: bool = False) -> None:
        self.has_mortal_database = has_mortal_database
        self.asked: set[str] = set()
        self.created: dict[str, tuple[str, int]] = {}
        self.accepted: set[tuple[str, int]] = set()
        self.ended: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}
        self.wrongs: list[str] = []
        self._lock = threading.Lock()

    def note(self, wrong: str) -> None:
        with self._lock:
            self.wrongs.append(wrong)

    def find_wrongs(self, operator: Operator) -> list[str]:
        """Compare with what the task server says now; an empty list is what should be."""
        wrongs = list(self.wrongs)
        known = {(task["Daemon"], task["ID"]): task for task in operator.list_tasks()}
        named: dict[str, list[tuple[str, int]]] = {}
        for which, task in known.items():
            named.setdefault(task["Task"]["Resources"][0]["Name"], []).append(which)
        wrongs += [f"{key} is made up" for key in named.keys() - self.asked]
        wrongs += [f"{key} was given {len(which)} times" for key, which in named.items() if len(which) > 1]
        wrongs += [f"{key} is lost" for key, which in self.created.items() if which not in named.get(key, ())]
        for which in self.accepted - self.ended.keys():
            if known.get(which, {}).get("State") not in ("accepted", "cancelled"):
                wrongs.append(f"that {which} was accepted is lost: {known.get(which)}")
        for (daemon, number), (status, data) in self.ended.items():
            task = operator.read_task(daemon, number)
            if (task["State"], task["Data"]) != (status, data):
                wrongs.append(f"that {daemon}/{number} ended as {status} is lost: {task}")
        if not operator.check_audit():
            wrongs.append("the audit log does not add up")
        return wrongs


class Operator:
    """Gives tasks, and sees what came of them."""

    def __init__(self, wire: Wire, token: str, ledger: Ledger) -> None:
        self._wire, self._token, self._ledger = wire, token, ledger

    def ask(self, method: str, path: str, value: Any = None, **headers: str) -> Reply:
        return self._wire.insist(method, f"/api/v1/{path}", value, token=self._token, **headers)

    def give(self, daemon: str, operation: str = "run") -> tuple[str, int]:
        """Give one task; return the daemon's id and the task's number."""
        key = f"k-{secrets.token_hex(6)}"
        self._ledger.asked.add(key)
        task = {"Operation": operation, "Resources": [{"Type": "backup", "Name": key}]}
        reply = self.ask("POST", "tasks", {"Daemon": daemon, "Task": task}, Idempotency_Key=key)
        assert reply.status == 201, reply
        (made,) = reply.value["Items"]
        self._ledger.created[key] = made["Daemon"], made["ID"]
        return made["Daemon"], made["ID"]

    def list_tasks(self) -> Iterator[dict[str, Any]]:
        """Return all tasks there are."""
        cursor = ""
        while True:
            page = self.ask("GET", f"tasks?limit=500{cursor}").value
            yield from page["Items"]
            if page.get("Next") is None:
                return
            cursor = f"&cursor={page['Next']}"

    def read_task(self, daemon: str, number: int) -> dict[str, Any]:
        return dict(self.ask("GET", f"tasks/{daemon}/{number}").value)

    def check_audit(self) -> bool:
        return bool(self.ask("POST", "audit/check").value["Sound"])


class FleetDaemon:
    """A daemon of level 1 that keeps what it was told in memory, and so never dies."""

    def __init__(self, wire: Wire, token: str, ledger: Ledger) -> None:
        self._wire, self.token, self._ledger = wire, token, ledger
        self._instance = secrets.token_hex(8)

    def ask(self, method: str, path: str, value: Any = None, **headers: str) -> Reply:
        level = {"Duplicati_Task_Protocol": "1", "Duplicati_Instance": self._instance}
        return self._wire.insist(method, f"/api/{path}", value, token=self.token, **level, **headers)

    def fetch(self) -> list[dict[str, Any]]:
        """Return what is handed out; one that was accepted must never be."""
        reply = self.ask("GET", "tasks")
        assert reply.status == 200, reply
        return list(reply.value)

    def report(self, daemon_id: str, task: dict[str, Any], status: str, **data: Any) -> str:
        """Report until there is a receipt; return how it was recorded."""
        result = {"ID": task["ID"], "Status": status, "Attempt": task["Attempt"], "Data": data}
        which = daemon_id, task["ID"]
        reply = self.ask("POST", f"tasks/{task['ID']}/result", result)
        assert reply.status == 200, reply
        recorded = str(reply.value["Recorded"])
        # An answer that was lost, the task server's or its database's, may have been the receipt.
        is_asked_again = reply.tries > 1 or self._ledger.has_mortal_database
        if recorded not in ("recorded", "duplicate" if is_asked_again else "recorded"):
            self._ledger.note(f"{status} of {which} is {recorded} after {reply.tries} tries")
        if status == "accepted":
            self._ledger.accepted.add(which)
        else:
            self._ledger.ended[which] = status, data
        return recorded
