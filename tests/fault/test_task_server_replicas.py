"""Two task servers on one PostgreSQL, and very many who ask both at the same moment: one effect each, whoever wins."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.contract.store_stage import postgresql_stores
from tests.task_server_ledger import Reply, Wire
from tests.task_server_nursery import TaskServerNursery

CLIENTS_COUNT = 50
RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]}


class Pair(NamedTuple):
    """Two task servers on one database, and their administrator's token."""

    urls: tuple[str, str]
    token: str

    def ask(
        self, number: int, method: str, path: str, value: Any = None, token: str | None = None, **more: str
    ) -> Reply:
        """Ask the first or the second, as the administrator unless another token is given."""
        wire = Wire(lambda: self.urls[number % 2], lambda: time.sleep(0.05))
        return wire.insist(method, path, value, token=token or self.token, **more)

    def race(self, ask: Callable[[int], Reply]) -> list[Reply]:
        """Let fifty ask at the same moment, by turns of both; return their answers."""
        start = threading.Barrier(CLIENTS_COUNT)

        def run(number: int) -> Reply:
            start.wait(30)
            return ask(number)

        with ThreadPoolExecutor(CLIENTS_COUNT) as pool:
            return list(pool.map(run, range(CLIENTS_COUNT)))

    def add_daemon(self) -> tuple[str, str]:
        """Make a plain daemon; return its name and token."""
        name = f"d-{secrets.token_hex(4)}"
        return name, self.ask(0, "POST", "/api/v1/daemons", {"Name": name}).value["Token"]

    def give(self, name: str, count: int = 1) -> None:
        for number in range(count):
            assert self.ask(number, "POST", "/api/v1/tasks", {"Daemon": name, "Task": RUN}).status == 201

    def list_tasks(self, name: str) -> list[dict[str, Any]]:
        return list(self.ask(0, "GET", f"/api/v1/tasks?daemon={name}&limit=500").value["Items"])


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with postgresql_stores() as make, tempfile.TemporaryDirectory() as folder, TaskServerNursery() as nursery:
        database = make()
        births = [nursery.start(Path(folder) / name / "data", words=("--database", database)) for name in "ab"]
        assert births[0].token is not None
        yield Pair((births[0].url, births[1].url), births[0].token)


def count(replies: list[Reply], member: str) -> Counter[str]:
    assert {reply.status for reply in replies} == {200}, Counter(reply.status for reply in replies)
    return Counter(reply.value[member] for reply in replies)


@pytest.mark.parametrize("uses_count", [1, 3])
def test_enrolment_code_lets_in_as_many_as_it_has_uses(pair: Pair, uses_count: int) -> None:
    made = pair.ask(0, "POST", "/api/v1/codes", {"Uses": uses_count, "LifeSeconds": 3600})
    code, prefix = made.value["Code"], secrets.token_hex(4)
    replies = pair.race(
        lambda n: pair.ask(n, "POST", "/api/enrol", {"Code": code, "Name": f"{prefix}-{n}"}, token="none")
    )
    found = Counter(reply.status for reply in replies)
    assert found[200] == uses_count
    # Who tries used up codes again and again is slowed down.
    assert found[403] + found[429] == CLIENTS_COUNT - uses_count
    known = [one["Name"] for one in pair.ask(1, "GET", "/api/v1/daemons?limit=500").value["Items"]]
    assert sum(name.startswith(prefix) for name in known) == uses_count
    for reply in (reply for reply in replies if reply.status == 200):
        assert pair.ask(1, "GET", "/api/tasks", token=reply.value["Token"]).value == []


def test_name_is_given_to_one_of_those_who_want_it(pair: Pair) -> None:
    code = pair.ask(0, "POST", "/api/v1/codes", {"Uses": CLIENTS_COUNT, "LifeSeconds": 3600}).value["Code"]
    name = secrets.token_hex(4)
    replies = pair.race(lambda n: pair.ask(n, "POST", "/api/enrol", {"Code": code, "Name": name}, token="none"))
    assert Counter(reply.status for reply in replies) == {200: 1, 409: CLIENTS_COUNT - 1}


def test_result_that_comes_fifty_times_is_recorded_once(pair: Pair) -> None:
    name, token = pair.add_daemon()
    pair.give(name)
    result = {"ID": 1, "Status": "completed", "Data": {"Outcome": "success"}}
    replies = pair.race(lambda n: pair.ask(n, "POST", "/api/tasks/1/result", result, token))
    assert count(replies, "Recorded") == {"recorded": 1, "duplicate": CLIENTS_COUNT - 1}


def test_of_fifty_different_results_one_counts_and_the_others_are_kept(pair: Pair) -> None:
    name, token = pair.add_daemon()
    pair.give(name)

    def report(number: int) -> Reply:
        result = {"ID": 1, "Status": ("completed", "error", "refused")[number % 3], "Data": {"Code": str(number)}}
        return pair.ask(number, "POST", "/api/tasks/1/result", result, token)

    replies = pair.race(report)
    assert count(replies, "Recorded") == {"recorded": 1, "conflict": CLIENTS_COUNT - 1}
    (winner,) = (number for number, reply in enumerate(replies) if reply.value["Recorded"] == "recorded")
    assert pair.ask(1, "GET", f"/api/v1/tasks/{name}/1").value["Data"] == {"Code": str(winner)}
    assert len(pair.ask(1, "GET", f"/api/v1/tasks/{name}/1/results").value["Items"]) == CLIENTS_COUNT - 1


def test_task_is_handed_out_once_however_many_fetch(pair: Pair) -> None:
    name, token = pair.add_daemon()
    pair.give(name, 40)
    level = {"Duplicati_Task_Protocol": "1"}
    replies = pair.race(lambda n: pair.ask(n, "GET", "/api/tasks?limit=3", token=token, **level))
    handed = Counter(task["ID"] for reply in replies for task in reply.value)
    # Who comes while another holds the rows gets none of them; they wait for the next to come.
    while rest := pair.ask(0, "GET", "/api/tasks", token=token, **level).value:
        handed.update(task["ID"] for task in rest)
    assert handed == dict.fromkeys(range(1, 41), 1)


def test_acceptance_that_comes_fifty_times_is_recorded_once_and_ends_the_offer(pair: Pair) -> None:
    name, token = pair.add_daemon()
    pair.give(name)
    accepted = {"ID": 1, "Status": "accepted"}
    replies = pair.race(lambda n: pair.ask(n, "POST", "/api/tasks/1/result", accepted, token))
    assert count(replies, "Recorded") == {"recorded": 1, "duplicate": CLIENTS_COUNT - 1}
    assert pair.ask(1, "GET", "/api/tasks", token=token).value == []


def test_task_that_is_asked_for_fifty_times_under_one_key_is_given_once(pair: Pair) -> None:
    name, _ = pair.add_daemon()
    key, value = secrets.token_hex(8), {"Daemon": name, "Task": RUN}
    replies = pair.race(lambda n: pair.ask(n, "POST", "/api/v1/tasks", value, Idempotency_Key=key))
    assert [reply.status for reply in replies] == [201] * CLIENTS_COUNT
    assert {reply.value["Items"][0]["ID"] for reply in replies} == {1}
    assert [task["ID"] for task in pair.list_tasks(name)] == [1]


def test_numbers_of_tasks_given_at_both_at_once_are_each_given_once(pair: Pair) -> None:
    name, _ = pair.add_daemon()
    replies = pair.race(lambda n: pair.ask(n, "POST", "/api/v1/tasks", {"Daemon": name, "Task": RUN}))
    numbers = sorted(reply.value["Items"][0]["ID"] for reply in replies)
    assert numbers == list(range(1, CLIENTS_COUNT + 1))


def test_task_that_is_reassigned_while_its_result_comes_has_one_end(pair: Pair) -> None:
    name, token = pair.add_daemon()
    pair.give(name)

    def act(number: int) -> Reply:
        if number % 2:
            return pair.ask(number // 2, "POST", f"/api/v1/tasks/{name}/1/reassign")
        result = {"ID": 1, "Status": "completed", "Attempt": 1, "Data": {"Code": str(number)}}
        return pair.ask(number // 2, "POST", "/api/tasks/1/result", result, token)

    recorded = Counter(reply.value["Recorded"] for reply in pair.race(act) if "Recorded" in reply.value)
    task = pair.ask(0, "GET", f"/api/v1/tasks/{name}/1").value
    is_ended = task["State"] == "completed"
    assert recorded["recorded"] == is_ended
    assert is_ended or recorded == {"stale": CLIENTS_COUNT // 2}


def test_revocation_at_one_is_effective_at_the_other_within_five_seconds(pair: Pair) -> None:
    name, token = pair.add_daemon()
    assert pair.ask(1, "GET", "/api/tasks", token=token).status == 200
    assert pair.ask(0, "POST", f"/api/v1/daemons/{name}/revoke").status == 200
    revoked_at = time.monotonic()
    while pair.ask(1, "GET", "/api/tasks", token=token).status == 200:
        assert time.monotonic() - revoked_at < 5
        time.sleep(0.05)


def test_held_poll_at_one_ends_when_a_task_is_given_at_the_other(pair: Pair) -> None:
    name, token = pair.add_daemon()
    level = {"Duplicati_Task_Protocol": "1", "Prefer": "wait=20"}
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(pair.ask, 1, "GET", "/api/tasks/status", None, token, **level)
        time.sleep(0.3)
        given_at = time.monotonic()
        pair.give(name)
        assert held.result(20).status == 303
    assert time.monotonic() - given_at < 2
