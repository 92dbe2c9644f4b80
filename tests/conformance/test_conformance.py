"""The kit finds nothing wrong with the two sides that it is given here, and finds what is planted."""

from __future__ import annotations

import sys

import pytest

from tests.conformance.daemon import check_command
from tests.conformance.exchange import Peer, Tally
from tests.conformance.server import check_level_0, check_level_1
from tests.task_server import Reply, TaskServer


def quietly() -> Tally:
    return Tally(lambda line: None)


@pytest.mark.parametrize("level", [0, 1])
def test_task_server_of_the_tests_conforms(level):
    with TaskServer(level=level, token="t", base_path="/some/where") as server:
        server.add_code("code")
        tally = quietly()
        headers = {"Authorization": "Bearer t", **({"Duplicati-Instance": "a"} if level else {})}
        peer = Peer(server.url, headers)
        check_level_0(peer, server.give, tally, has_leases=bool(level))
        if level:
            check_level_1(peer, server.give, tally, "code")
    assert tally.failed == []
    assert tally.passed_count > 30


def test_task_server_of_the_tests_takes_tasks_back_and_makes_enrolments_wait():
    with TaskServer() as server:
        peer = Peer(server.url)
        server.give({"ID": 1, "Operation": "status"})
        peer.list_tasks()
        server.withdraw(1)
        assert peer.report(1, "completed").value["Recorded"] == "late"
        server.needs_approval = True
        server.add_code("code")
        assert peer.ask("POST", "api/enrol", {"Code": "code"}).status == 202
        server.approve("code")
        assert peer.ask("POST", "api/enrol", {"Code": "code"}).value["Epoch"] == server.epoch


class Forgetful(TaskServer):
    """Offers accepted tasks again."""

    def _record(self, result):
        return "recorded" if result["Status"] == "accepted" else super()._record(result)


class Strict(TaskServer):
    """Answers the second of a result with an error."""

    def _take_result(self, seen, id_text):
        return Reply(409) if any(str(r["ID"]) == id_text for r in self.results) else super()._take_result(seen, id_text)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [(Forgetful, "an accepted task is offered no more"), (Strict, "completed once more is answered 200")],
)
def test_task_server_that_breaks_a_rule_is_found(kind, rule):
    with kind(level=0) as server:
        tally = quietly()
        check_level_0(Peer(server.url), server.give, tally)
    assert rule in tally.failed


def test_small_daemon_conforms_to_level_0():
    tally = quietly()
    check_command([sys.executable, "-m", "tests.conformance.example_daemon", "{url}"], 0, tally, seconds=8)
    assert tally.failed == []
    assert tally.passed_count > 30
