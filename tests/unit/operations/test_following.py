"""Following a task with a limit on the patience."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from duplicati_client import errors
from duplicati_client.operations import following
from duplicati_client.outcome import Outcome, Verdict
from duplicati_client.sdk.activity import ServerState
from duplicati_client.sdk.followed import Baseline, Ended, Note, StartedTask
from tests.fakes import Clock

BASELINE = Baseline((), None, (), ServerState.read({}), None)
ENDED = Ended(Verdict(Outcome.SUCCESS, "It succeeded.", (), None), 7, None, datetime(2026, 11, 24, tzinfo=UTC), 1)


def started(*, is_absorbed: bool = False, task_id: int | None = 7) -> StartedTask:
    return StartedTask("3", "Backup", task_id, is_absorbed, BASELINE)


def follow(clock: Clock, items: list[object], timeout_seconds: float | None, task_id: int | None = 7) -> list[object]:
    def give(_: StartedTask) -> Iterator[object]:
        for item in items:
            clock.now += 1
            yield item

    server = SimpleNamespace(follow=give)
    return list(following.follow(server, started(task_id=task_id), timeout_seconds=timeout_seconds, clock=clock))


def test_everything_is_passed_on_without_a_limit() -> None:
    items = [None, Note("x"), None, ENDED]
    assert follow(Clock(), items, None) == items


def test_end_in_the_last_moment_counts() -> None:
    assert follow(Clock(), [None, None, ENDED], 3)[-1] is ENDED


@pytest.mark.parametrize("task_id", [7, None])
def test_limit_ends_the_waiting_and_says_that_the_run_goes_on(task_id: int | None) -> None:
    with pytest.raises(errors.WaitTimedOut) as caught:
        follow(Clock(), [None] * 10, 2.5, task_id)
    assert "the work goes on" in caught.value.message
    assert ("task 7" in caught.value.message) is (task_id is not None)


def test_absorbed_run_is_explained_and_another_is_not() -> None:
    assert following.explain_absorption(started()) is None
    assert "task 7" in following.explain_absorption(started(is_absorbed=True))
    assert "a task" in following.explain_absorption(started(is_absorbed=True, task_id=None))


def test_task_behind_others_waits_and_one_that_stands_for_another_does_not() -> None:
    busy = ServerState.read({"ActiveTask": {"Item1": 4, "Item2": "9"}})
    behind = started()._replace(baseline=BASELINE._replace(state=busy))
    assert following.is_waiting(started()) is False
    assert following.is_waiting(behind) is True
    assert following.is_waiting(behind._replace(is_absorbed=True)) is False
