"""The task server is killed at every step that its database asks of the disk, and started again: what it said holds.

The steps are counted, not listed: each write, each cut, and each sync before and after it. What is asked of the server
in between is asked again until it is answered, as daemons and operators do.

`TASK_SERVER_CRASHES=all` dies at every step; a number is how many of them are picked.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sqlite_disk
from tests.task_server_ledger import FleetDaemon, Ledger, Operator, Wire
from tests.task_server_nursery import TaskServerNursery

SEED = 20261130
PICKED = os.environ.get("TASK_SERVER_CRASHES", "12")

pytestmark = pytest.mark.skipif(not sqlite_disk.is_possible(), reason="Python has a SQLite of its own here")


@pytest.fixture(scope="module")
def nursery() -> Iterator[TaskServerNursery]:
    with TaskServerNursery() as started:
        yield started


class Life:
    """A task server on one folder through a death at its step `ends_at`; it lives again when it is missed."""

    def __init__(self, nursery: TaskServerNursery, folder: Path, ends_at: int) -> None:
        self._nursery, self._folder = nursery, folder / "data"
        self.deaths_count = 0
        self._birth = nursery.start(self._folder, ends_at=ends_at)
        self.token = self._birth.token
        if not self._birth.url:
            self.revive()

    def find_url(self) -> str:
        return self._birth.url

    def revive(self) -> None:
        self._nursery.end(self._birth.process_id)
        self.deaths_count += 1
        if self.token is None:
            self.token = self._nursery.init(self._folder)
        self._birth = self._nursery.start(self._folder)
        assert self._birth.url, (self._folder.parent / "log").read_text()

    def end(self) -> int:
        return self._nursery.end(self._birth.process_id, signal.SIGTERM)


def live(on: Life) -> list[str]:
    """Go through all that a task server is told, and return what is wrong at the end."""
    ledger = Ledger()
    wire = Wire(on.find_url, on.revive)
    assert on.token is not None
    operator = Operator(wire, on.token, ledger)
    daemon_id, token = enrol(operator, wire, "nas", ledger)
    daemon = FleetDaemon(wire, token, ledger)
    work(operator, daemon, daemon_id)
    change_hands(operator, daemon, daemon_id)
    daemon.token = renew(daemon)
    manage(operator, ledger)
    finish(daemon, daemon_id)
    return ledger.find_wrongs(operator)


def enrol(operator: Operator, wire: Wire, name: str, ledger: Ledger) -> tuple[str, str]:
    """Bring a daemon in by a code; one whose token was lost with the answer is revoked, and comes in by another."""
    code = operator.ask("POST", "codes", {"LifeSeconds": 3600}).value["Code"]
    reply = wire.insist("POST", "/api/enrol", {"Code": code, "Name": name}, token="none")
    found = [one for one in operator.ask("GET", "daemons").value["Items"] if one["State"] != "revoked"]
    if len(found) != 1:
        ledger.note(f"a code that is good for one daemon made {len(found)}")
    if reply.status == 200:
        return reply.value["DaemonID"], reply.value["Token"]
    assert (reply.status, reply.tries > 1) == (403, True), reply
    assert operator.ask("POST", f"daemons/{found[0]['ID']}/revoke").status == 200
    return enrol(operator, wire, name, ledger)


def work(operator: Operator, daemon: FleetDaemon, daemon_id: str) -> None:
    """Give tasks and carry them out, each to another end."""
    given = [operator.give("nas") for _ in range(4)]
    tasks = fetch(daemon, given)
    for task in tasks[:3]:
        daemon.report(daemon_id, task, "accepted")
    daemon.ask("POST", "daemon/heartbeat", {"Running": [{"ID": tasks[0]["ID"], "Phase": "x"}], "State": "healthy"})
    daemon.ask("PUT", "daemon/inventory", {"Servers": {}})
    daemon.report(daemon_id, tasks[0], "completed", Outcome="success", Text="x" * 9000)
    daemon.report(daemon_id, tasks[1], "error", Code="other")
    daemon.report(daemon_id, tasks[3], "refused", Code="prohibited")


def fetch(daemon: FleetDaemon, given: list[tuple[str, int]]) -> list[dict[str, object]]:
    """Fetch what was given; where the answer with it was lost it stays leased, and is known from the ledger."""
    offered = {task["ID"]: task for task in daemon.fetch()}
    assert offered.keys() <= {number for _, number in given}, (offered, given)
    return [offered.get(number, {"ID": number, "Attempt": 1}) for _, number in given]


def change_hands(operator: Operator, daemon: FleetDaemon, daemon_id: str) -> None:
    """Cancel a task that waits, and give one anew that the daemon has: what came of it before counts no more."""
    cancelled, taken = operator.give("nas"), operator.give("nas")
    assert operator.ask("POST", f"tasks/{daemon_id}/{cancelled[1]}/cancel").status == 200
    (task,) = fetch(daemon, [taken])
    daemon.report(daemon_id, task, "accepted")
    again = operator.ask("POST", f"tasks/{daemon_id}/{taken[1]}/reassign").value
    daemon.ask("POST", f"tasks/{taken[1]}/result", {"ID": taken[1], "Status": "completed", "Attempt": 1})
    assert operator.read_task(*taken)["State"] == "pending"
    fetch(daemon, [taken])
    daemon.report(daemon_id, {"ID": taken[1], "Attempt": again["Attempt"]}, "completed", Outcome="warning")


def renew(daemon: FleetDaemon) -> str:
    """Change the token; whatever dies in between, one of the two is good."""
    token = str(daemon.ask("POST", "daemon/token").value["Token"])
    old, daemon.token = daemon.token, token
    assert daemon.ask("GET", "tasks").status == 200
    daemon.token = old
    assert daemon.ask("GET", "tasks").status == 401
    return token


def manage(operator: Operator, ledger: Ledger) -> None:
    """Make and end a user and a token; what was ended stays so."""
    operator.ask("POST", "users", {"Name": "alex", "Role": "viewer", "Password": "a password of some length"})
    made = operator.ask("POST", "tokens", {"Role": "viewer"}).value
    operator.ask("DELETE", f"tokens/{made['ID']}")
    known = {token["ID"] for token in operator.ask("GET", "tokens").value["Items"]}
    users = [user["Name"] for user in operator.ask("GET", "users").value["Items"]]
    if made["ID"] in known or users != ["admin", "alex"]:
        ledger.note(f"tokens {known}, users {users}")


def finish(daemon: FleetDaemon, daemon_id: str) -> None:
    """End what is accepted, and be handed out nothing more."""
    daemon.report(daemon_id, {"ID": 3, "Attempt": 1}, "completed", Outcome="success")
    assert daemon.fetch() == []


def test_kill_at_any_step_loses_nothing_that_was_acknowledged_and_doubles_nothing(nursery: TaskServerNursery) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = Life(nursery, Path(folder) / "whole", 0)
        assert live(whole) == []
        steps_count = whole.end()
        picked = list(range(1, steps_count + 1))
        if PICKED != "all":
            picked = sorted(random.Random(SEED).sample(picked, int(PICKED)))
        wrongs, deaths_count = {}, 0
        for number in picked:
            life = Life(nursery, Path(folder) / str(number), number)
            if found := live(life):
                wrongs[number] = found
            deaths_count += life.deaths_count
            life.end()
    print(f"died {deaths_count} times, at {len(picked)} of {steps_count} steps")
    assert wrongs == {}
    assert deaths_count >= len(picked) * 0.8
