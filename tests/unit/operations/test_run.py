"""Following a run with a limit on the patience."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from duplicati_client import errors
from duplicati_client.operations import run
from duplicati_client.outcome import Outcome, Verdict
from duplicati_client.sdk.activity import ServerState
from duplicati_client.sdk.runs import Baseline, Note, RunEnded, StartedRun
from tests.fakes import Clock

BASELINE = Baseline((), None, (), ServerState.read({}), None)
ENDED = RunEnded(Verdict(Outcome.SUCCESS, "It succeeded.", (), None), 7, None, datetime(2026, 11, 24, tzinfo=UTC), 1)


def started(*, is_absorbed: bool = False, task_id: int | None = 7) -> StartedRun:
    return StartedRun("3", task_id, is_absorbed, BASELINE)


def follow(clock: Clock, items: list[object], timeout_seconds: float | None, task_id: int | None = 7) -> list[object]:
    def give(_: StartedRun) -> Iterator[object]:
        for item in items:
            clock.now += 1
            yield item

    server = SimpleNamespace(runs=SimpleNamespace(follow=give))
    return list(run.follow(server, started(task_id=task_id), timeout_seconds=timeout_seconds, clock=clock))


def test_everything_is_passed_on_without_a_limit() -> None:
    items = [None, Note("x"), None, ENDED]
    assert follow(Clock(), items, None) == items


def test_end_in_the_last_moment_counts() -> None:
    assert follow(Clock(), [None, None, ENDED], 3)[-1] is ENDED


@pytest.mark.parametrize("task_id", [7, None])
def test_limit_ends_the_waiting_and_says_that_the_run_goes_on(task_id: int | None) -> None:
    with pytest.raises(errors.WaitTimedOut) as caught:
        follow(Clock(), [None] * 10, 2.5, task_id)
    assert "the run goes on" in caught.value.message
    assert ("task 7" in caught.value.message) is (task_id is not None)


def test_absorbed_run_is_explained_and_another_is_not() -> None:
    assert run.explain_absorption(started()) is None
    assert "task 7" in run.explain_absorption(started(is_absorbed=True))
    assert "a task" in run.explain_absorption(started(is_absorbed=True, task_id=None))
