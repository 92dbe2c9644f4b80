"""The daemon's turns: when it polls next, what it takes in, what it hears of, how it ends."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.daemon.entries import Step
from duplicati_client.http import Request
from tests.unit.daemon.loopbench import LoopBench

RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
SETTINGS = {"Operation": "list", "Resources": [{"Type": "setting"}]}


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    return LoopBench(tmp_path / "daemon")


def test_next_poll_comes_at_once_after_new_tasks_and_soon_where_the_task_server_lets_one_wait(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **SETTINGS})
    assert [bench.turn(), bench.turn()] == [0.0, 1.0]
    assert bench.tasks.requests[-1].headers["prefer"] == "wait=50"


def test_first_answer_of_all_shows_that_the_next_poll_may_wait_at_the_task_server(bench: LoopBench) -> None:
    assert [bench.turn(), bench.turn()] == [1.0, 1.0]


def test_poll_after_an_outage_is_not_held_so_that_its_end_shows_at_once(bench: LoopBench) -> None:
    bench.turn()
    bench.turn()
    answering, bench.spoil = bench.spoil, lambda request: errors.ConnectionRefused("nothing answers")
    bench.turn()
    bench.spoil = answering
    bench.turn()
    assert "prefer" not in bench.tasks.requests[-1].headers
    assert bench.daemon.parts.health.is_connected
    bench.turn()
    assert bench.tasks.requests[-1].headers["prefer"] == "wait=50"


def test_task_server_sets_how_long_it_is_from_one_poll_to_the_next(bench: LoopBench) -> None:
    bench.tasks.poll_after_seconds = 40
    assert [bench.turn(), bench.turn()] == [1.0, 40.0]


def test_answer_that_was_held_for_longer_than_that_is_followed_by_the_next_poll(bench: LoopBench) -> None:
    bench.tasks.poll_after_seconds = 40
    bench.turn()

    def hold(request: object) -> None:
        bench.clock.seconds += 50

    bench.spoil = hold
    assert bench.turn() == 1.0


def test_plain_task_server_is_asked_once_in_the_interval_of_the_configuration(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon", level=0, poll_seconds=45)
    assert [bench.turn(), bench.turn()] == [45.0, 45.0]
    assert "prefer" not in bench.tasks.requests[-1].headers


def test_task_that_is_offered_while_it_is_open_is_taken_once(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon", level=0)
    bench.tasks.fault("result", status=503, times=3)
    bench.tasks.give({"ID": 1, **RUN})
    bench.live(300)
    assert bench.server.runs_count == 1
    assert bench.end_of(1)["Outcome"] == "success"
    assert bench.tell("task").count("task 1 (run): accepted") == 1


def test_after_a_restart_results_come_before_what_is_said_again(bench: LoopBench) -> None:
    bench.tasks.give(*({"ID": number, **RUN, "NotBefore": "2026-11-25T12:00:00Z"} for number in range(1, 4)))
    bench.tasks.give({"ID": 4, **SETTINGS})
    bench.tasks.fault("result", status=503, times=3)
    bench.turn()
    bench.restart()
    before = len(bench.tasks.results)
    bench.pump()
    told = [(result["ID"], result["Status"]) for result in bench.tasks.results[before:]]
    assert told == [(4, "completed"), (1, "accepted"), (2, "accepted"), (3, "accepted")]


def test_item_without_an_id_is_told_once_an_hour_and_the_others_are_taken(bench: LoopBench) -> None:
    fault = bench.tasks.fault("tasks", status=200, times=3, body=b'[{"Operation": "run"}, 7]')
    bench.tasks.give({"ID": 1, **SETTINGS})
    for _ in range(6):
        bench.clock.seconds += 130
        bench.turn()
    assert fault.fired_count == 3
    assert len(bench.tell("nameless")) == 1
    assert bench.end_of(1)["Status"] == "completed"


def test_history_that_cannot_be_read_makes_it_wait_and_not_end(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **SETTINGS})
    bench.turn()
    real = bench.folder.read_part
    bench.restart()
    bench.folder.read_part = lambda *where: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error"))
    bench.tasks.given[0].terminal, bench.tasks.given[0].is_accepted = None, False
    bench.tasks.given[0].leased_until = float("-inf")
    assert bench.turn() == 5.0
    assert "Input/output error" in bench.tell("storage-failed")[0]
    bench.folder.read_part = real
    bench.clock.seconds += 130
    bench.turn()
    assert bench.tasks.given[0].terminal is not None


def test_heartbeat_tells_what_goes_on_and_brings_what_is_taken_back(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN, "NotBefore": "2026-11-24T13:00:00Z"})
    bench.turn()
    bench.tasks.cancel(1)
    bench.daemon.take_once()
    bench.pump()
    assert bench.tasks.heartbeats[-1] == {"Running": [{"ID": 1, "State": "waiting"}], "State": "running"}
    assert bench.end_of(1)["Code"] == "cancelled"


def test_task_that_begins_is_told_at_once_and_no_other_before_five_seconds(bench: LoopBench) -> None:
    for task_id in (1, 2):
        bench.tasks.give({"ID": task_id, **SETTINGS})
    bench.daemon.take_turn()
    bench.daemon.start()
    began_at, beaten_at = bench.clock.seconds, []

    def note(request: Request) -> None:
        if request.path == "api/daemon/heartbeat":
            beaten_at.append(bench.clock.seconds - began_at)
            bench.daemon.workers["main"].take_turn("quick")  # something begins before the first and the second answer
            if len(beaten_at) == 4:
                bench.daemon.stop(0.0)

    bench.spoil = note
    bench.threads["heartbeat"]()
    assert beaten_at == [0, 0, 5, 35]


def test_round_of_cron_beats_tells_the_inventory_and_renews_the_token(bench: LoopBench) -> None:
    bench.tasks.tokens = ["dcd_first"]
    token = bench.path / "state" / "token"
    token.write_text("dcd_first\n")
    token.chmod(0o600)
    bench.restart()
    bench.daemon.parts.link.identity.keep_token("dcd_first", bench.clock.now())
    bench.clock.seconds += 80 * 86_400
    assert bench.daemon.take_once() is None
    counts = bench.tasks.counts
    assert (counts["heartbeat"], counts["inventory"], counts["token"]) == (1, 1, 1)


def test_round_says_why_the_task_server_could_not_be_asked(bench: LoopBench) -> None:
    bench.spoil = lambda request: errors.ConnectionRefused("nothing answers")
    failure = bench.daemon.take_once()
    assert failure is not None
    assert "nothing answers" in failure.message
    assert bench.problems() == ["away"]


def test_reload_with_a_broken_policy_keeps_the_old_one_and_tells_so_in_the_status(bench: LoopBench) -> None:
    digest = bench.snapshot()["policy"]["digest"]
    bench.edit('preset = "everything"', 'preset = "full"')
    bench.daemon.reload()
    assert bench.problems() == ["policy"]
    assert bench.snapshot()["policy"]["digest"] == digest
    bench.edit('preset = "observe"', 'preset = "everything"')
    bench.daemon.reload()
    assert bench.problems() == []
    bench.tasks.give({"ID": 1, **RUN})
    bench.turn()
    assert bench.end_of(1)["Code"] == "prohibited"


def test_task_is_done_by_the_policy_that_it_was_decided_under(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    bench.daemon.take_turn()
    digest = bench.snapshot()["policy"]["digest"]
    bench.edit('preset = "observe"', 'preset = "full"')
    bench.daemon.reload()
    decided = bench.daemon.parts.journal.entries["i:1"].steps[Step.DECIDED]
    bench.pump()
    assert decided["Policy"] == digest
    assert bench.end_of(1)["Outcome"] == "success"


def test_stopping_sends_what_can_be_sent_and_waits_no_longer_than_it_may(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **SETTINGS})
    bench.daemon.take_turn()
    began_at = bench.clock.seconds
    bench.daemon.stop(8.0)  # nobody sends: the thread that would is none
    assert 8.0 <= bench.clock.seconds - began_at <= 8.1
    bench.pump()
    bench.daemon.stop(8.0)
    assert bench.clock.seconds - began_at <= 8.2


def test_release_on_a_full_disk_lets_go_all_the_same(bench: LoopBench) -> None:
    bench.turn()
    bench.tasks.restore(bench.tasks.keep())
    bench.turn()
    bench.folder.failure = OSError(errno.ENOSPC, "No space left on device")
    assert bench.daemon.release() == 0
    assert bench.daemon.parts.link.identity.is_epoch_changed(bench.daemon.parts.link.epoch) is False


def test_thread_that_fails_ends_the_daemon_and_says_why(bench: LoopBench) -> None:
    bench.daemon.start()
    bench.daemon.parts.link.poll = lambda seconds=0.0: 1 / 0
    bench.threads["polls"]()
    assert isinstance(bench.daemon.crash, ZeroDivisionError)
    bench.daemon.close()
    assert bench.folder.read("ended") is None, "that is no end in order"


def test_end_in_order_is_no_death_and_any_other_is(bench: LoopBench) -> None:
    for in_order, deaths in ((True, None), (False, 1), (True, 1), (False, 2)):
        bench.tasks.give({"ID": 1, **RUN})
        if not bench.daemon.parts.journal.entries:
            bench.daemon.take_turn()
            bench.server.takes_seconds = None
            leave_in_mid_run(bench)
        bench.restart(in_order=in_order)
        leave_in_mid_run(bench)
        submitted = bench.daemon.parts.journal.entries["i:1"].steps[Step.SUBMITTED]
        assert submitted.get("Deaths") == deaths


def leave_in_mid_run(bench: LoopBench) -> None:
    """Let the worker begin or take up the run, and the process end before the run does."""

    def die(request: object) -> None:
        if Step.SUBMITTED in bench.daemon.parts.journal.entries["i:1"].steps:
            raise errors.ConnectionRefused("the process ends")

    bench.server.before = die
    bench.pump()
    bench.server.before = lambda request: None
