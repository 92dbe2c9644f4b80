"""One round, as cron does it: it ends when nothing can be done now, and leaves the rest to the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.daemon import round as rounds
from tests.unit.daemon.loopbench import LoopBench

RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
SETTINGS = {"Operation": "list", "Resources": [{"Type": "setting"}]}


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    return LoopBench(tmp_path / "daemon")


def do_round(
    bench: LoopBench, max_seconds: float | None = None, told_to_end: Callable[[], bool] = bool, *, works: bool = True
) -> Any:
    """Do a round with a fresh process, whose threads get their turn while it waits, unless something holds them up."""
    bench.daemon.close()
    daemon = bench.restart(begins=False)

    def wait(seconds: float) -> bool:
        bench.clock.seconds += seconds
        if works:
            bench.pump()
        return told_to_end()

    return rounds.perform(daemon, max_seconds, wait)


def test_round_ends_with_what_has_ended_and_nothing_left(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, **SETTINGS})
    done = do_round(bench)
    assert sorted(entry.key for entry in done.ended) == ["i:1", "i:2"]
    assert (done.left_count, done.pending_count, done.failure) == (0, 0, None)
    assert do_round(bench).ended == []


def test_round_does_not_wait_for_what_cannot_be_done_now(bench: LoopBench) -> None:
    bench.server.failure = errors.ConnectionRefused("nothing answers")
    bench.tasks.give({"ID": 1, **RUN}, {"ID": 2, **SETTINGS, "NotBefore": "2026-11-24T15:00:00Z"})
    began_at = bench.clock.seconds
    done = do_round(bench)
    assert (done.ended, done.left_count) == ([], 2)
    assert bench.clock.seconds - began_at < 30
    bench.server.failure = None
    assert [entry.key for entry in do_round(bench).ended] == ["i:1"]


@pytest.mark.parametrize("is_told", [False, True])
def test_round_that_has_to_end_leaves_what_goes_on_to_the_next_one(bench: LoopBench, is_told: bool) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    began_at, looks = bench.clock.seconds, []

    def look() -> bool:
        looks.append(bench.clock.seconds)
        return is_told or len(looks) > 1000

    done = do_round(bench, None if is_told else 3.0, look, works=False)
    assert done.left_count == 1
    assert looks[-1] - began_at == pytest.approx(0.05 if is_told else 3.0, abs=0.1)
    assert [entry.key for entry in do_round(bench).ended] == ["i:1"]


def test_round_tells_of_results_that_nobody_took_and_why_there_is_nothing_new(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **SETTINGS})
    fault = bench.tasks.fault("result", status=503, times=None)
    done = do_round(bench)
    assert ([entry.key for entry in done.ended], done.pending_count) == (["i:1"], 1)
    fault.end()
    bench.spoil = lambda request: errors.ConnectionRefused("nothing answers")
    assert do_round(bench).failure is not None
    bench.spoil = lambda request: None
    bench.clock.seconds += 60
    assert do_round(bench).pending_count == 0
    assert bench.end_of(1)["Status"] == "completed"


def test_thread_that_failed_ends_the_round(bench: LoopBench) -> None:
    bench.tasks.give({"ID": 1, **RUN})
    bench.server.takes_seconds = None

    def fail() -> bool:
        bench.daemon.crash = ZeroDivisionError()
        return False

    bench.server.begin(5)
    assert do_round(bench, None, fail).left_count == 1
