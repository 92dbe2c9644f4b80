"""Each condition that a daemon may meet: the behaviour promised for it, a line that a person understands, its status.

Most of them without threads or sockets, by a clock that the test turns (`LoopBench`); what only real processes show is
in tests/e2e/test_daemon.py, what only sockets do in test_daemon_link.py. A fault that never struck has proved nothing,
so each says how often it did.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.cli import exits
from duplicati_client.daemon.assembly import Surroundings, assemble
from duplicati_client.daemon.config import load
from duplicati_client.daemon.guard import Lock
from duplicati_client.daemon.journal import NAME
from duplicati_client.http import Answer, Request
from tests.daemon_stage import write_configuration
from tests.fakes import answer
from tests.task_server import TaskServer
from tests.unit.daemon.bench import START_AT
from tests.unit.daemon.loopbench import URL, LoopBench, MemoryFolder
from tests.unit.daemon.workbench import SmallServer

HOUR, DAY = 3600.0, 86_400.0
RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
PHOTOS = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 4}]}
STATUS = {"Operation": "status"}
SETTINGS = {"Operation": "list", "Resources": [{"Type": "setting"}]}
CLEAR = {"Operation": "dismiss", "Parameters": {"all": True}}
TOKEN = "dcd_0123456789"
ASKED_FOR = "POST backup/3/run"
PORTAL = b"<html><body>Welcome to the airport, please log in</body></html>"
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    return LoopBench(tmp_path / "daemon")


def fired(what: str, count: int) -> None:
    """Print how often a fault struck; one that never did has proved nothing."""
    print(f"{what}: fired {count} times")
    assert count > 0, what


def be_away(bench: LoopBench) -> None:
    bench.spoil = lambda request: errors.ConnectionRefused("nothing answers at 127.0.0.1 port 8300")


def be_there(bench: LoopBench) -> None:
    bench.spoil = lambda request: None


def at(seconds: float) -> str:
    return (START_AT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def allow(bench: LoopBench, *operations: str) -> None:
    """Let the owner allow operations that no preset does."""
    path = Path(bench.config_path)
    named = ", ".join(f'"{operation}"' for operation in operations)
    path.write_text(path.read_text() + f'[[policy.allow]]\nname = "more"\noperations = [{named}]\n')
    bench.daemon.reload()


# --- the task server ------------------------------------------------------------------------------------


def test_task_server_that_is_down_for_days_costs_a_warning_an_hour_and_loses_nothing(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, **PHOTOS, "NotBefore": at(DAY)})
    bench.daemon.take_turn()
    be_away(bench)
    bench.live(2.5 * DAY)
    fired("absence of the task server", bench.spoilt_count)
    warnings = [event for event in bench.told if event.level != "info"]
    assert 24 * 2 <= len(warnings) <= 24 * 2.5 + 1
    assert {event.code for event in warnings} == {"away"}
    assert "nothing answers" in warnings[0].text
    assert bench.problems() == ["away"]
    assert bench.snapshot()["results"]["pending_count"] == 2
    assert bench.server.requests_with_effect.count(ASKED_FOR) == 1, "what was accepted is done meanwhile"
    be_there(bench)
    bench.live(120)
    assert bench.end_of(1)["Outcome"] == bench.end_of(2)["Outcome"] == "success"
    assert bench.problems() == []
    assert len(bench.tell("connected")) == 2


def test_task_server_that_comes_back_is_asked_within_a_minute(bench: LoopBench) -> None:
    be_away(bench)
    bench.live(6 * HOUR)
    fired("absence", bench.spoilt_count)
    assert max(bench.waits) <= 60
    assert bench.waits[0] <= 30


def test_restored_task_server_gets_what_was_done_from_the_history_and_nothing_is_done_again(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN}, {"ID": "two", **SETTINGS})
    older = bench.tasks.keep()
    bench.turn()
    first = bench.end_of(1)
    bench.restart(in_order=True)
    bench.clock.seconds += 8 * HOUR
    bench.tasks.restore(older)
    bench.turn()
    assert bench.server.requests_with_effect == [ASKED_FOR]
    assert bench.end_of(1) == first
    assert [given.terminal is not None for given in bench.tasks.given] == [True, True]
    assert len(bench.tell("epoch-changed")) == 1


def test_after_a_restore_what_must_not_be_repeated_waits_for_the_owners_word_over_restarts_too(
    bench: LoopBench,
) -> None:
    allow(bench, "dismiss")
    bench.turn()
    bench.tasks.restore(bench.tasks.keep())
    bench.server.add_notice("Warning", "one")
    bench.tasks.give({"ID": 1, **CLEAR}, {"ID": 2, **RUN})
    bench.turn()
    assert bench.end_of(2)["Outcome"] == "success"
    assert bench.results(1) == [("accepted", {})]
    assert bench.problems() == ["held"]
    assert "duplicati daemon resume" in bench.tell("held")[0]
    for _ in range(2):
        bench.restart()
        bench.pump()
        assert len(bench.server.notices) == 1, "also before the task server has answered for the first time"
        bench.turn()
        assert bench.problems() == ["held"]
    assert bench.daemon.release() == 1
    bench.pump()
    assert bench.end_of(1)["Status"] == "completed"
    assert bench.server.notices == []
    assert bench.problems() == []


def test_held_task_that_is_taken_back_ends_without_being_done(bench: LoopBench) -> None:
    allow(bench, "dismiss")
    bench.turn()
    bench.tasks.restore(bench.tasks.keep())
    bench.server.add_notice("Warning", "one")
    bench.tasks.give({"ID": 1, **CLEAR})
    bench.turn()
    bench.daemon.cancel("i:1")
    bench.pump()
    assert bench.end_of(1)["Code"] == "cancelled"
    assert len(bench.server.notices) == 1
    assert bench.daemon.release() == 0


def test_store_that_was_not_restored_holds_nothing_back_after_a_restart(bench: LoopBench) -> None:
    allow(bench, "dismiss")
    bench.turn()
    bench.tasks.give({"ID": 1, **CLEAR})
    bench.daemon.take_turn()
    bench.restart()
    bench.pump()
    bench.turn()
    assert bench.end_of(1)["Status"] == "completed"
    assert bench.tell("held") == []


PAGES: dict[str, Answer] = {
    "a portal's page with status 200": answer(200, PORTAL, headers=[("Content-Type", "text/html")]),
    "a page that is called json": answer(200, PORTAL, headers=[("Content-Type", "application/json")]),
    "a redirect to a login": answer(302, headers=[("Location", "https://portal.test/login")]),
    "a 303 to somewhere else": answer(303, headers=[("Location", "https://portal.test/login")]),
    "half of a body": answer(200, b'{"Tasks": ['),
    "plain text of another type": answer(200, b"OK", headers=[("Content-Type", "text/plain")]),
}


@pytest.mark.parametrize("name", PAGES)
def test_what_answers_in_the_task_servers_place_is_told_and_takes_no_result_away(bench: LoopBench, name: str) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    bench.daemon.take_turn()
    bench.spoil = lambda request: PAGES[name]
    bench.pump()
    bench.live(3 * HOUR)
    fired(name, bench.spoilt_count)
    assert bench.problems() == ["not-understood"]
    told = bench.tell("away")
    assert 1 <= len(told) <= 4
    assert "no task server" in told[0] or "elsewhere" in told[0]
    assert bench.snapshot()["results"]["pending_count"] == 1
    be_there(bench)
    bench.live(120)
    assert bench.end_of(1)["Outcome"] == "success"


@pytest.mark.parametrize(
    ("value", "longest"), [("120", 150), ("99999999", 3630), ("-5", 60), ("soon", 60), ("9" * 400, 60), ("", 60)]
)
def test_retry_after_is_kept_where_it_makes_sense_and_never_longer_than_an_hour(
    bench: LoopBench, value: str, longest: float
) -> None:
    bench.spoil = lambda request: answer(503, headers=[("Retry-After", value)])
    bench.live(4 * HOUR, most_seconds=HOUR)
    fired(f"Retry-After: {value[:20]}", bench.spoilt_count)
    assert max(bench.waits) <= longest
    if longest > 60:
        assert min(bench.waits) >= min(float(value), HOUR)
    assert bench.problems() == ["away"]


def test_token_that_ended_after_months_keeps_all_and_a_new_one_delivers_it(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon")
    bench.tasks.tokens = [TOKEN]
    write_token(bench, TOKEN)
    bench.restart()
    bench.tasks.give({"ID": 1, **RUN})
    bench.daemon.take_turn()
    bench.tasks.tokens = ["dcd_next"]
    bench.pump()
    bench.live(30 * DAY, most_seconds=900)
    fired("status 401", len(bench.tasks.alarms))
    assert bench.server.requests_with_effect == [ASKED_FOR]
    assert max(bench.waits[3:]) <= 900
    assert min(bench.waits[8:]) >= 600
    assert bench.problems() == ["refused"]
    assert "credential" in bench.tell("away")[0]
    assert "enrol" in bench.snapshot()["task_server"]["hint"]
    bench.restart()
    write_token(bench, "dcd_next")
    bench.live(HOUR)
    assert bench.end_of(1)["Outcome"] == "success"
    assert bench.problems() == []
    assert bench.server.requests_with_effect == [ASKED_FOR]


def write_token(bench: LoopBench, token: str) -> None:
    path = bench.path / "state" / "token"
    path.write_text(token + "\n")
    path.chmod(0o600)


def test_reload_takes_a_new_token_and_tries_all_servers_now(bench: LoopBench) -> None:
    write_token(bench, "dcd_old")
    bench.restart()
    bench.logins_fail = errors.LoginRefused("the password is wrong")
    bench.tasks.give({"ID": 1, **RUN})
    bench.turn()
    bench.clock.seconds += 70
    bench.pump()
    bench.logins_fail = None
    write_token(bench, "dcd_new")
    bench.daemon.reload()
    assert len(bench.tell("token-reloaded")) == 1
    bench.pump()
    bench.turn()
    assert bench.tasks.requests[-1].headers["authorization"] == "Bearer dcd_new"
    assert bench.end_of(1)["Outcome"] == "success"


def test_two_machines_with_one_identity_get_no_tasks_until_somebody_chose(tmp_path: Path) -> None:
    one, other = LoopBench(tmp_path / "one"), LoopBench(tmp_path / "other")
    other.tasks = one.tasks
    one.turn()
    other.turn()
    one.turn()
    one.tasks.give({"ID": 1, **RUN})
    other.turn()
    one.turn()
    refused = [seen for seen in one.tasks.requests if seen.route == "status"]
    fired("conflict (409)", one.daemon.parts.health.contact.state == "conflict")
    assert one.problems() == other.problems() == ["conflict"]
    assert "two machines" in one.tell("away")[0]
    assert one.waits[-1] >= 60, "it is for an operator, so it is asked after slowly"
    assert len(refused) == 5
    assert one.server.requests_with_effect == other.server.requests_with_effect == []
    one.tasks.resolve_conflict()
    one.clock.seconds += 900
    one.turn()
    assert one.end_of(1)["Outcome"] == "success"
    assert one.problems() == []


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
def test_result_that_is_not_taken_is_kept_told_once_and_stops_no_other(bench: LoopBench, status: int) -> None:
    fault = bench.tasks.fault("result", status=status, times=40)
    bench.spoil = lambda request: None
    bench.tasks.give({"ID": 1, **SETTINGS})
    bench.turn()
    bench.live(10 * HOUR)
    fired(f"status {status} to a result", fault.fired_count)
    assert bench.problems() == ["not-taken"]
    assert len(bench.tell("result-not-taken")) == 1
    assert bench.snapshot()["results"] == {"pending_count": 1, "slow_count": 1}
    fault.end()
    bench.tasks.give({"ID": 2, **SETTINGS})
    bench.live(2 * HOUR)
    assert bench.end_of(1)["Status"] == bench.end_of(2)["Status"] == "completed"
    assert bench.problems() == []


def test_result_that_is_too_large_is_halved_six_times_and_not_lost(bench: LoopBench) -> None:
    fault = bench.tasks.fault("result", status=413, times=3)
    bench.tasks.give({"ID": 1, **SETTINGS})
    bench.server.server_settings |= {f"setting-{number}": "x" * 100 for number in range(500)}
    bench.turn()
    fired("status 413", fault.fired_count)
    assert bench.end_of(1)["Truncated"] is True
    assert 0 < len(bench.end_of(1)["Items"]) < 500


def test_backlog_comes_in_pages_as_much_as_may_be_open_at_a_time_and_the_oldest_first(tmp_path: Path) -> None:
    """Ten thousand of them, by sockets and with their memory measured, in tests/e2e/test_daemon_backlog.py."""
    bench = LoopBench(tmp_path / "daemon", preset="observe")
    path = Path(bench.config_path)
    path.write_text(path.read_text() + "[limits]\nin_flight = 300\n")
    bench.restart()
    bench.tasks.lease_seconds, bench.tasks.page_count = 5.0, 150
    bench.tasks.give(*({"ID": number, **RUN} for number in range(1000)))
    open_counts: list[int] = []
    for _ in range(100):
        bench.clock.seconds += 6
        bench.daemon.take_turn()
        open_counts.append(bench.snapshot()["tasks"]["open_count"])
        bench.pump()
        if all(given.terminal for given in bench.tasks.given):
            break
    fired("pages", bench.tasks.counts["tasks"])
    assert 100 < max(open_counts) <= 300
    assert [result["ID"] for result in bench.tasks.results] == list(range(1000))
    assert bench.tasks.counts["tasks"] <= 40


def test_task_that_is_offered_again_after_a_restart_is_answered_and_not_done_again(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    bench.turn()
    first = bench.end_of(1)
    for _ in range(3):
        bench.restart()
        bench.tasks.given[0].terminal, bench.tasks.given[0].is_accepted = None, False
        bench.tasks.given[0].leased_until = float("-inf")
        bench.clock.seconds += DAY
        bench.turn()
    print(f"replays: fired {bench.tasks.given[0].offered_count - 1} times")
    assert bench.tasks.given[0].offered_count == 4
    assert bench.server.requests_with_effect == [ASKED_FOR]
    assert bench.end_of(1) == first


def test_receipt_that_was_lost_makes_the_result_come_again_and_be_a_duplicate(bench: LoopBench) -> None:
    fault = bench.tasks.fault("result", status=502, has_effect=True, times=2)
    bench.tasks.give({"ID": 1, **SETTINGS})
    bench.turn()
    bench.live(300)
    fired("lost receipts", fault.fired_count)
    assert [one["Recorded"] for one in bench.tasks.receipts][-1] == "duplicate"
    assert bench.end_of(1)["Status"] == "completed"


def test_task_that_was_given_to_somebody_else_is_not_begun(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(HOUR)})
    bench.daemon.take_turn()
    bench.tasks.withdraw(1)
    bench.pump()
    bench.live(2 * HOUR)
    fired("receipts that say late", sum(one["Recorded"] == "late" for one in bench.tasks.receipts))
    assert bench.server.requests_with_effect == []
    assert "taken it back" in bench.tell("task")[1]


def test_pace_that_the_task_server_wishes_is_kept_and_counts_for_the_tries_after_a_loss(bench: LoopBench) -> None:
    bench.tasks.poll_after_seconds = 12.0
    bench.turn()
    assert bench.turn() == 12.0
    be_away(bench)
    assert bench.turn() == 12.0, "the first try after a loss is within the interval"
    bench.tasks.poll_after_seconds = 600.0
    be_there(bench)
    bench.clock.seconds += 12
    assert bench.turn() == 600.0


def test_token_is_renewed_when_it_is_due_and_a_failure_is_told(bench: LoopBench) -> None:
    bench.tasks.tokens = [TOKEN]
    write_token(bench, TOKEN)
    bench.restart()
    bench.turn()
    bench.daemon.parts.link.identity.keep_token(TOKEN, bench.clock.now())
    bench.daemon.look_around()
    assert bench.tasks.counts["token"] == 0
    bench.clock.seconds += 70 * DAY
    fault = bench.tasks.fault("token", status=503)
    bench.turn()
    bench.daemon.look_around()
    fired("status 503 to a renewal", fault.fired_count)
    assert "cannot be renewed yet" in bench.tell("token")[0]
    bench.daemon.look_around()
    bench.turn()
    assert len(bench.tell("token-renewed")) == 1
    assert bench.tasks.tokens == [bench.daemon.parts.link.identity.token] != [TOKEN]
    assert (bench.path / "state" / "token").read_text().strip() == bench.tasks.tokens[0]


# --- the Duplicati servers ------------------------------------------------------------------------------


def test_duplicati_that_is_down_is_waited_for_and_given_up_after_a_day(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, **SETTINGS}, {"ID": 3, **PHOTOS, "NotAfter": at(HOUR)})
    bench.server.failure = errors.ConnectionRefused("nothing answers at 127.0.0.1 port 8200")
    bench.turn()
    fired("absence of Duplicati", bench.opened_count)
    assert {one["state"] for one in bench.snapshot()["running"]} == {"waiting-for-duplicati"}
    assert bench.problems() == ["server"]
    (server,) = bench.snapshot()["servers"]
    assert (server["state"], server["code"], server["tasks_count"]) == ("failing", "connection-refused", 3)
    bench.live(23 * HOUR)
    assert bench.end_of(3)["Code"] in ("unreachable", "expired")
    assert bench.results(1) == [("accepted", {})]
    assert 20 <= len(bench.tell("server main")) <= 24
    bench.live(2 * HOUR)
    assert bench.end_of(1)["Code"] == bench.end_of(2)["Code"] == "unreachable"
    bench.server.failure = None
    bench.tasks.give({"ID": 4, **RUN})
    bench.live(600)
    assert bench.end_of(4)["Outcome"] == "success"
    assert len(bench.tell("server-back")) == 1
    assert bench.problems() == []


def test_password_that_was_changed_is_tried_three_times_an_hour_at_most(bench: LoopBench) -> None:
    bench.turn()
    bench.logins_fail = errors.LoginRefused("the password is wrong")
    bench.opened_count = 0
    bench.tasks.give(*({"ID": number, **SETTINGS} for number in range(20)))
    tries: list[float] = []
    ends_at, looked_at = bench.clock.seconds + 6 * HOUR, 0.0
    while bench.clock.seconds < ends_at:
        bench.turn()
        if bench.clock.seconds - looked_at >= 300:
            looked_at = bench.clock.seconds
            bench.daemon.look_around()
        tries += [bench.clock.seconds] * (bench.opened_count - len(tries))
        bench.clock.seconds += 30
    fired("wrong password", len(tries))
    busiest = max(sum(begin <= then < begin + HOUR for then in tries[1:]) for begin in tries[1:])
    assert busiest <= 3
    assert bench.problems() == ["server"]
    assert "password is wrong" in bench.tell("server main")[0]
    assert len(bench.tell("server main")) <= 6
    assert bench.tasks.inventories[-1]["Servers"][0]["Code"] == "login-refused"
    bench.logins_fail = None
    bench.live(HOUR)
    assert {bench.end_of(number)["Status"] for number in range(20)} == {"completed"}
    assert bench.problems() == []


def test_wrong_password_is_told_although_there_is_no_task(bench: LoopBench) -> None:
    bench.logins_fail = errors.LoginRefused("the password is wrong")
    bench.turn()
    bench.daemon.look_around()
    fired("wrong password", bench.opened_count)
    assert bench.problems() == ["server"]


@pytest.mark.parametrize(("kills", "end"), [(1, ("completed", "success")), (2, ("error", "interrupted"))])
def test_run_that_duplicati_is_killed_in_is_started_once_more_and_no_more(
    bench: LoopBench, kills: int, end: tuple[str, str]
) -> None:
    server, killed_at = bench.server, []

    def kill(request: Request) -> None:
        if server.active is not None and len(killed_at) < kills and bench.clock.seconds > (killed_at or [0])[-1] + 2:
            killed_at.append(bench.clock.seconds)
            server.restart()

    server.before = kill
    bench.tasks.give({"ID": 1, **RUN})
    bench.turn()
    bench.live(300)
    fired("restart in mid-run", len(killed_at))
    told = bench.end_of(1)
    assert (told["Status"], told.get("Outcome") or told["Code"]) == end
    assert told["Starts"] == 2
    assert server.requests_with_effect == [ASKED_FOR] * 2


def test_run_that_duplicati_lost_is_only_reported_where_the_policy_said_so_when_it_was_accepted(
    bench: LoopBench,
) -> None:
    server, killed = bench.server, []

    def kill(request: Request) -> None:
        if server.active is not None and not killed:
            killed.append(request.path)
            server.restart()

    server.before = kill
    bench.edit('preset = "full"\non_interrupted = "report"', 'preset = "full"')
    bench.daemon.reload()
    bench.tasks.give({"ID": 1, **RUN})
    bench.daemon.take_turn()
    bench.edit('on_interrupted = "rerun"', 'on_interrupted = "report"')
    bench.daemon.reload()
    bench.live(300)
    fired("restart in mid-run", len(killed))
    told = bench.end_of(1)
    assert (told["Status"], told["Code"], told["Starts"]) == ("error", "interrupted", 1)
    assert server.requests_with_effect == [ASKED_FOR]


def test_three_days_of_outage_end_in_one_run_and_not_in_seventy_two(bench: LoopBench) -> None:
    bench.server.failure = errors.ConnectionRefused("nothing answers")
    for hour in range(20):
        bench.tasks.give({"ID": hour, **RUN})
        bench.live(HOUR)
    fired("absence of Duplicati", bench.opened_count)
    bench.server.failure = None
    bench.live(HOUR)
    assert bench.server.requests_with_effect == [ASKED_FOR]
    assert {bench.end_of(hour)["Outcome"] for hour in range(20)} == {"success"}
    assert bench.end_of(7)["CoalescedWith"] == 0


def test_cancelled_run_is_stopped_only_where_the_policy_lets_the_task_server_stop_one(tmp_path: Path) -> None:
    for preset in ("default", "run"):
        bench = LoopBench(tmp_path / preset, preset=preset)
        server = bench.server
        server.takes_seconds = 120.0
        server.before = lambda request, bench=bench: bench.daemon.cancel("i:1") if server_runs(bench) else None
        bench.tasks.give({"ID": 1, **RUN})
        bench.turn()
        told = bench.end_of(1)
        if preset == "run":
            assert (told["Status"], told["Code"]) == ("error", "cancelled")
            assert server.requests_with_effect[-1] == "POST task/7/stop"
        else:
            assert (told["Status"], told["Outcome"]) == ("completed", "success")
            assert server.requests_with_effect == [ASKED_FOR]
            assert "the policy allows no stop" in " ".join(bench.tell("task"))


def server_runs(bench: LoopBench) -> bool:
    """Say whether the run goes on for a while, once."""
    server: SmallServer = bench.server
    goes_on = server.active is not None and bench.clock.seconds > 1003
    if goes_on:
        server.before = lambda request: None
    return goes_on


# --- the disk -------------------------------------------------------------------------------------------


def test_nearly_full_disk_takes_no_new_task_and_ends_and_reports_what_it_has(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    bench.daemon.take_turn()
    bench.folder.room_bytes = (63 << 20, 1 << 30)
    bench.tasks.give({"ID": 2, **SETTINGS})
    for _ in range(5):
        bench.clock.seconds += bench.turn()
    fired("room below the floor", bench.waits.count(5.0))
    assert bench.end_of(1)["Outcome"] == "success"
    assert bench.results(2) == []
    assert bench.problems() == ["disk-full"]
    assert bench.tell("no-new-tasks") == ["no new tasks are taken: the disk is nearly full"]
    bench.folder.room_bytes = (4 << 30, 100 << 30)
    bench.turn()
    assert bench.results(2) == [], "less than a twentieth of it is left"
    bench.folder.room_bytes = (6 << 30, 100 << 30)
    bench.turn()
    assert bench.end_of(2)["Status"] == "completed"
    assert bench.problems() == []


@pytest.mark.parametrize("failure", [NO_ROOM, OSError(errno.EROFS, "Read-only file system"), OSError(errno.EIO, "I/O")])
def test_disk_that_takes_nothing_more_stops_effects_and_not_the_telling(bench: LoopBench, failure: OSError) -> None:
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, **PHOTOS, "NotBefore": at(60)})
    server = bench.server

    def fill_up(request: Request) -> None:
        if request.method == "POST":
            bench.folder.failure = failure
            server.before = lambda request: None

    server.before = fill_up
    bench.turn()
    fired(f"errno {failure.errno}", bench.folder.failed_count)
    assert bench.end_of(1)["Outcome"] == "success", "memory has it, and it is delivered from there"
    bench.tasks.give({"ID": 3, **SETTINGS})
    bench.live(600)
    assert bench.server.requests_with_effect == [ASKED_FOR]
    assert bench.results(3) == []
    assert bench.problems()[0] == "storage-failed"
    assert "nothing can be made durable" in bench.snapshot()["problems"][0]["text"]
    assert len([event for event in bench.told if event.code == "storage-failed"]) <= 2
    bench.folder.failure = None
    bench.live(600)
    assert bench.end_of(2)["Outcome"] == bench.end_of(3)["Status"].replace("completed", "success") == "success"
    assert bench.problems() == []
    bench.restart()
    bench.live(60)
    assert bench.server.requests_with_effect == [ASKED_FOR, "POST backup/4/run"]


def test_disk_that_fails_in_mid_run_and_then_the_process_still_runs_it_once(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    server = bench.server

    def fill_up(request: Request) -> None:
        if request.method == "POST":
            bench.folder.failure = NO_ROOM
            raise errors.ConnectionLost("the process died")

    server.before = fill_up
    bench.turn()
    fired("no room", bench.folder.failed_count)
    server.before, bench.folder.failure = lambda request: None, None
    server.begin(7)
    bench.restart()
    bench.live(120)
    assert bench.end_of(1)["Outcome"] == "success"
    assert server.runs_count == 0
    assert server.requests_with_effect == [ASKED_FOR]


def test_disk_that_has_room_again_is_noticed_although_nothing_is_open(bench: LoopBench) -> None:
    bench.turn()
    bench.folder.failure = NO_ROOM
    bench.tasks.give({"ID": 1, **SETTINGS})
    bench.live(300)
    fired("no room", bench.folder.failed_count)
    assert "storage-failed" in bench.problems()
    assert bench.results(1) == []
    bench.folder.failure = None
    bench.live(300)
    assert bench.end_of(1)["Status"] == "completed"
    assert bench.problems() == []


@pytest.mark.parametrize(
    ("failure", "status"),
    [(OSError(errno.EROFS, "Read-only file system"), 78), (NO_ROOM, 74)],
    ids=["read-only", "full"],
)
def test_disk_that_cannot_be_written_at_the_start_ends_it_with_one_line_and_a_status(
    tmp_path: Path, failure: OSError, status: int
) -> None:
    folder = tmp_path / "daemon"
    folder.mkdir(mode=0o700)
    config = load(write_configuration(folder, URL, "http://127.0.0.1:8200"))
    full = MemoryFolder()
    full.failure = failure
    with pytest.raises(errors.DuplicatiClientError) as caught:
        assemble(config, Surroundings(os.environ, lambda event: None, wrap=lambda inner: full))
    fired(f"errno {failure.errno} at the start", full.failed_count)
    assert str(caught.value.message).count("\n") == 0
    assert failure.strerror in caught.value.message
    assert exits.status_of_error(caught.value) == status


def test_state_folder_that_cannot_be_read_at_the_start_ends_it_with_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "daemon"
    folder.mkdir(mode=0o700)
    config = load(write_configuration(folder, URL, "http://127.0.0.1:8200"))
    spoilt = MemoryFolder()
    reads: list[str] = []

    def fail(name: str, *where: int) -> bytes:
        reads.append(name)
        raise OSError(errno.EIO, "Input/output error")

    spoilt.read_part = fail
    with pytest.raises(errors.InputOutputFailed, match="Input/output error"):
        assemble(config, Surroundings(os.environ, lambda event: None, wrap=lambda inner: spoilt))
    fired("failing reads", len(reads))


def test_lock_that_cannot_be_made_is_told_and_one_without_room_for_its_holder_is_taken() -> None:
    class ReadOnly:
        path = "/var/lib/daemon"

        def open(self, name: str, flags: int) -> int:
            raise OSError(errno.EROFS, "Read-only file system")

    class Full(ReadOnly):
        def open(self, name: str, flags: int) -> int:
            return os.open("/dev/full", os.O_RDWR)

    with pytest.raises(errors.ConfigurationInvalid, match="Read-only file system"):
        Lock(ReadOnly(), "process 1")
    Lock(Full(), "process 1").close()


# --- the journal ----------------------------------------------------------------------------------------


def edit_journal(bench: LoopBench, change: Any) -> None:
    lines = bytes(bench.folder.files[NAME]).splitlines(keepends=True)
    bench.folder.files[NAME] = bytearray(b"".join(change(lines)))


def test_line_that_was_edited_by_hand_puts_its_task_in_doubt_and_no_other(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(60)}, {"ID": 2, **PHOTOS, "NotBefore": at(60)})
    bench.turn()
    edit_journal(bench, lambda lines: [line.replace(b'"ID":3}', b'"ID":4}') for line in lines])
    bench.restart()
    bench.clock.seconds += 61
    bench.pump()
    fired("edited lines", len(bench.tell("journal-damaged")))
    assert bench.end_of(1)["Code"] == "outcome-unknown"
    assert bench.end_of(2)["Outcome"] == "success"
    assert bench.server.requests_with_effect == ["POST backup/4/run"]
    assert "a copy of it is task-list.damaged-" in bench.tell("journal-damaged")[0]
    assert bench.problems() == ["journal-damaged"]
    assert bench.tell("journal-damaged")[0] in bench.snapshot()["problems"][0]["text"]
    assert any("journal was damaged" in event["text"] for event in bench.snapshot()["events"])


@pytest.mark.parametrize("task", [RUN, SETTINGS], ids=["run", "list"])
def test_lost_decision_leaves_a_task_in_doubt_that_changes_something(bench: LoopBench, task: dict[str, Any]) -> None:
    bench.tasks.give({"ID": 1, **task, "NotBefore": at(60)})
    bench.turn()
    edit_journal(bench, lambda lines: [b"# gone\n" if b'"decided"' in line else line for line in lines])
    bench.restart()
    bench.clock.seconds += 61
    bench.live(60)
    fired("lost decisions", len(bench.tell("journal-damaged")))
    told = bench.end_of(1)
    assert (told["Status"], told.get("Code")) == (("error", "outcome-unknown") if task is RUN else ("completed", None))
    assert bench.server.requests_with_effect == []


@pytest.mark.parametrize("what", ["intent", "submitted"])
def test_lost_record_of_a_run_that_had_begun_makes_no_second_run(bench: LoopBench, what: str) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    key = "i:1"
    bench.daemon.take_turn()
    server = bench.server
    server.takes_seconds = None

    def die(request: Request) -> None:
        if "submitted" in bench.daemon.parts.journal.entries[key].steps:
            raise errors.ConnectionRefused("the process died")

    server.before = die
    bench.pump()
    edit_journal(bench, lambda lines: [b"# gone\n" if what.encode() in line else line for line in lines])
    server.before = lambda request: None
    server.end(7)
    bench.restart()
    bench.live(120)
    fired("lost records", len(bench.tell("journal-damaged")))
    assert server.requests_with_effect == [ASKED_FOR]
    assert bench.end_of(1)["Status"] in ("completed", "error")
    assert bench.end_of(1).get("Outcome", bench.end_of(1).get("Code")) in ("success", "outcome-unknown")


def test_torn_end_of_the_journal_is_cut_and_told(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(60)})
    bench.turn()
    edit_journal(bench, lambda lines: [*lines, b'- {"Format":1,"LSN":9'])
    bench.restart()
    fired("torn tails", len(bench.tell("journal-torn")))
    assert "bytes were cut off" in bench.tell("journal-torn")[0]
    bench.clock.seconds += 61
    bench.live(60)
    assert bench.end_of(1)["Outcome"] == "success"


def test_journal_that_cannot_be_read_is_set_aside_and_what_it_may_have_held_is_not_done_blindly(
    bench: LoopBench,
) -> None:
    be_away(bench)
    bench.turn()
    be_there(bench)
    fault = bench.tasks.fault("result", status=503, times=None)
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, **SETTINGS})
    bench.turn()
    assert bench.server.requests_with_effect == [ASKED_FOR]
    bench.folder.files[NAME] = bytearray(4096)
    fault.end()
    bench.restart()
    bench.clock.seconds += 200
    bench.turn()
    fired("unreadable journal", len(bench.tell("journal-damaged")))
    assert bench.server.requests_with_effect == [ASKED_FOR]
    assert bench.end_of(1)["Code"] == "outcome-unknown"
    assert bench.end_of(2)["Status"] == "completed", "reading may be repeated"
    bench.tasks.give({"ID": 3, **RUN})
    bench.clock.seconds += 60
    bench.turn()
    assert bench.end_of(3)["Outcome"] == "success", "what comes later is new"


def test_task_for_a_server_that_the_configuration_has_no_more_ends_and_is_told(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(HOUR)})
    bench.turn()
    bench.edit("[servers.other]", "[servers.main]")
    bench.restart()
    bench.pump()
    fired("servers that are gone", bench.end_of(1)["Code"] == "server-unknown")
    assert "no server main any more" in bench.end_of(1)["Message"]


def test_end_of_a_task_that_cannot_be_gone_on_with_is_told_without_a_disk_too(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(HOUR)})
    bench.turn()
    bench.edit("[servers.other]", "[servers.main]")
    bench.restart(begins=False)
    bench.folder.failure = NO_ROOM
    bench.daemon.begin()
    bench.pump()
    fired("no room", bench.folder.failed_count)
    assert bench.end_of(1)["Code"] == "server-unknown"


# --- clocks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("years", [10, -10])
def test_clock_that_is_set_by_ten_years_changes_nothing_but_times_in_the_log(bench: LoopBench, years: int) -> None:
    bench.tasks.give(
        {"ID": 1, **RUN}, {"ID": 2, **PHOTOS, "NotBefore": at(600), "NotAfter": at(1200)}, {"ID": 3, **SETTINGS}
    )
    bench.server.failure = errors.ConnectionRefused("nothing answers")
    bench.turn()
    bench.clock.jump = timedelta(days=365 * years)
    be_away(bench)
    bench.live(300)
    fired("jump while nobody answers", bench.spoilt_count)
    assert [bench.results(number)[1:] for number in (1, 2, 3)] == [[], [], []]
    be_there(bench)
    bench.server.failure = None
    bench.live(900)
    assert bench.end_of(1)["Outcome"] == bench.end_of(2)["Outcome"] == "success"
    bench.tasks.given[0].terminal, bench.tasks.given[0].is_accepted = None, False
    bench.tasks.given[0].leased_until = float("-inf")
    bench.clock.jump = timedelta()
    bench.live(60)
    assert bench.server.requests_with_effect.count(ASKED_FOR) == 1
    assert bench.daemon.crash is None


def test_clocks_that_are_apart_are_told_and_a_tasks_own_time_is_the_task_servers(bench: LoopBench) -> None:
    bench.server_clock_offset = timedelta(hours=-3)
    bench.tasks.give({"ID": 1, **RUN, "NotAfter": at(-3 * HOUR + 30)}, {"ID": 2, **PHOTOS, "NotAfter": at(-4 * HOUR)})
    bench.turn()
    fired("clocks apart", bench.snapshot()["clock_offset_seconds"] == -10800)
    assert bench.end_of(1)["Outcome"] == "success"
    assert bench.end_of(2)["Code"] == "expired"
    assert bench.problems() == ["clock"]
    assert "10800 s apart" in bench.snapshot()["problems"][0]["text"]


def test_after_a_sleep_nothing_new_begins_before_the_task_server_was_asked(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(HOUR)})
    bench.turn()
    bench.clock.seconds += 3 * DAY
    bench.slept_seconds += 3 * DAY - 5
    bench.tasks.withdraw(1)
    bench.pump()
    fired("sleep", int(bench.slept_seconds))
    assert bench.server.requests_with_effect == []
    bench.daemon.take_turn()
    bench.daemon.parts.reporter.send_next()
    bench.pump()
    assert bench.server.requests_with_effect == [], "it was taken back meanwhile"
    assert "for 4320 minutes" in bench.tell("slept")[0]


def test_after_a_halt_nothing_new_begins_before_the_task_server_was_asked(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(HOUR)})
    bench.daemon.tick()
    bench.turn()
    bench.clock.seconds += 2 * HOUR
    bench.tasks.withdraw(1)
    bench.pump()
    assert bench.server.requests_with_effect == []
    bench.daemon.tick()
    bench.daemon.take_turn()
    bench.daemon.parts.reporter.send_next()
    bench.pump()
    fired("halt", len(bench.tell("slept")))
    assert bench.server.requests_with_effect == [], "it was taken back meanwhile"


def test_after_a_sleep_all_goes_on_that_is_still_ours_at_level_0_too(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon", level=0)
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": at(HOUR)})
    bench.turn()
    bench.clock.seconds += 3 * DAY
    bench.slept_seconds += 3 * DAY - 5
    be_away(bench)
    bench.live(60)
    fired("sleep", bench.spoilt_count)
    assert bench.server.requests_with_effect == [ASKED_FOR], "one try to ask is enough"


# --- the token on its way to the disk -------------------------------------------------------------------

_RENEW = """
import os, signal, sys
from datetime import UTC, datetime
from duplicati_client.daemon.identity import Identity
from duplicati_client.daemon.link import Link, open_transport
from duplicati_client.daemon.storage import open_folder
from tests.unit.daemon.linking import way_to
url, folder, ends_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
identity = Identity(open_folder(folder), url, token_file=folder + "/token")
link = Link(open_transport(way_to(url)), identity, lambda: datetime.now(UTC), lambda code, text: None)
link.poll()
seen = 0
def watch(event, arguments):
    global seen
    named = [str(one) for one in arguments if isinstance(one, (str, bytes))]
    if event in ("open", "os.rename", "os.remove") and any("token" in name or "identity" in name for name in named):
        seen += 1
        if seen == ends_at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
link.renew_token()
link.poll()
"""


def test_death_at_any_step_of_a_renewal_leaves_a_token_that_lets_it_in(tmp_path: Path) -> None:
    deaths_count = 0
    for ends_at in range(1, 40):
        folder = tmp_path / str(ends_at)
        folder.mkdir(mode=0o700)
        (folder / "token").write_text(TOKEN + "\n")
        (folder / "token").chmod(0o600)
        with TaskServer(level=1, token=TOKEN) as tasks:
            command = [sys.executable, "-c", _RENEW, tasks.url, str(folder), str(ends_at)]
            has_died = subprocess.run(command, check=False, timeout=60).returncode == -9
            deaths_count += has_died
            kept = (folder / "token").read_text().strip()
            assert kept in tasks.tokens, f"died at step {ends_at}"
            if not has_died:
                assert tasks.tokens == [kept] != [TOKEN]
                break
    fired("death in a renewal", deaths_count)
    assert deaths_count >= 4


def test_every_event_is_one_line_that_a_person_can_read(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, "Operation": "made-up\n\x1b[2J"}, {"ID": 3, **RUN, "Speed": "\x1b"}, 7)
    bench.spoil = lambda request: answer(200, b"\x1b[2J\n<p>") if bench.spoilt_count < 2 else None
    bench.live(120)
    fired("strange answers", bench.spoilt_count)
    for event in bench.told:
        assert event.text.isprintable(), event
        assert 10 < len(event.text) <= 400
    assert bench.end_of(1)["Outcome"] == "success"
    assert json.dumps(bench.snapshot())
