"""Pausing and resuming: what is sent, and what is told when the server says something else than was asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from duplicati_client import errors
from duplicati_client.operations.pause import pause
from duplicati_client.operations.resume import resume
from duplicati_client.sdk.client import Duplicati
from tests.fakes import Clock, FakeTransport, answer
from tests.unit.operations.one_server import server_of

NEVER = "0001-01-01T00:00:00Z"
NOW = 1_800_000_000.0


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


def state(*, until: float | None = None, is_paused: bool = True, **more: object) -> dict[str, object]:
    end = NEVER if until is None else at(until).isoformat()
    return {"ProgramState": "Paused" if is_paused else "Running", "EstimatedPauseEnd": end, **more}


RUNNING = state(is_paused=False)
BUSY = {"ActiveTask": {"Item1": 7, "Item2": "1"}, "SchedulerQueueIds": [{"Item1": 8, "Item2": "2"}]}


def server_with(
    *states: dict[str, object], release: str = "2.3.1.0", **answers: object
) -> tuple[Duplicati, FakeTransport]:
    """Say these states in order, whatever is asked in between."""
    rest = list(states)
    ok = answer(200, {"Status": "OK"}) if release.startswith("2.0") else answer(200)
    known = {
        "serverstate": lambda _: rest.pop(0),
        "serverstate/pause": ok,
        "serverstate/resume": ok,
        "systeminfo": {"ServerVersion": release, "ServerTime": at(0).isoformat()},
    }
    return server_of({**known, **answers}, release=release)


def posts(transport: FakeTransport) -> list[str]:
    return [line for line in transport.asked if line.startswith("POST")]


def test_pause_is_read_back() -> None:
    server, transport = server_with(RUNNING, state(until=5400, **BUSY))
    found = pause(server, 5400, clock=Clock(NOW))
    assert posts(transport) == ["POST api/v1/serverstate/pause?duration=5400s"]
    assert (found.is_paused, found.pause_ends_at, found.was_paused) == (True, at(5400), False)
    assert (found.running_task_id, found.waiting_task_ids, found.are_transfers_halted) == (7, (8,), None)
    assert found.is_pause_kept
    assert len(transport.requests) == 3


def test_pause_of_a_server_that_is_paused_so_already_sends_nothing() -> None:
    server, transport = server_with(state(), state())
    found = pause(server, clock=Clock(NOW))
    assert (found.is_paused, found.was_paused, found.was_ending_at) == (True, True, None)
    assert posts(transport) == []


@pytest.mark.parametrize(("seconds", "transfers"), [(60, False), (None, True)])
def test_pause_that_may_differ_from_the_present_one_is_sent(seconds: float | None, transfers: bool) -> None:
    server, transport = server_with(state(), state(until=seconds))
    assert pause(server, seconds, transfers=transfers, clock=Clock(NOW)).was_paused
    assert len(posts(transport)) == 1


def test_new_end_takes_the_place_of_the_old_one_and_both_are_told() -> None:
    server, _ = server_with(state(until=600), state())
    found = pause(server, clock=Clock(NOW))
    assert (found.pause_ends_at, found.was_ending_at) == (None, at(600))


def test_end_is_told_by_our_clock_when_the_servers_is_off() -> None:
    an_hour_ahead = {"ServerTime": at(3600).isoformat()}
    server, transport = server_with(RUNNING, state(until=3600 + 600), systeminfo=an_hour_ahead)
    assert pause(server, 600, clock=Clock(NOW)).pause_ends_at == at(600)
    assert "GET api/v1/systeminfo" in transport.asked


def test_end_that_somebody_else_has_set_is_told_as_it_is() -> None:
    server, _ = server_with(RUNNING, state(until=7200))
    assert pause(server, 600, clock=Clock(NOW)).pause_ends_at == at(7200)


def test_pause_that_is_over_already_is_told_and_no_failure() -> None:
    clock = Clock(NOW)

    def take_two_seconds(_: object) -> object:
        clock.now += 2
        return answer(200)

    server, _ = server_with(RUNNING, RUNNING, **{"serverstate/pause": take_two_seconds})
    found = pause(server, 1, clock=clock)
    assert (found.is_paused, found.pause_ends_at) == (False, None)


def test_server_that_somebody_resumes_meanwhile_is_no_paused_one() -> None:
    server, _ = server_with(RUNNING, RUNNING)
    with pytest.raises(errors.Busy, match="the server is not paused"):
        pause(server, 600, clock=Clock(NOW))


@pytest.mark.parametrize("lost", [errors.ConnectionLost("lost"), errors.DeadlineExceeded("late")])
def test_lost_answer_is_decided_by_the_state(lost: Exception) -> None:
    paths = {"serverstate/pause": lost, "serverstate/resume": lost}
    server, _ = server_with(RUNNING, state(), state(), RUNNING, RUNNING, RUNNING, **paths)
    assert pause(server, clock=Clock(NOW)).is_paused
    assert not resume(server, clock=Clock(NOW)).is_paused
    with pytest.raises(errors.Busy):
        pause(server, clock=Clock(NOW))


@pytest.mark.parametrize(("moved", "is_halted"), [([5, 5], True), ([5, 6, 6], True), ([1, 2, 3, 4, 5, 6], False)])
def test_transfers_are_watched_because_the_server_does_not_say_whether_they_stand_still(
    moved: list[int], is_halted: bool
) -> None:
    """2.3.1.0 control:45-50."""
    steps = iter(moved)
    progress: Callable[[object], object] = lambda _: {"TaskID": 7, "BackendFileProgress": next(steps)}  # noqa: E731
    server, transport = server_with(RUNNING, state(**BUSY), progressstate=progress)
    clock = Clock(NOW)
    assert pause(server, transfers=True, clock=clock, sleep=clock.sleep).are_transfers_halted is is_halted
    assert posts(transport) == ["POST api/v1/serverstate/pause?pauseTransfers=true"]


@pytest.mark.parametrize("release", ["2.0.8.1", "2.1.0.5"])
def test_old_servers_lose_a_pause_and_cannot_halt_transfers(release: str) -> None:
    server, transport = server_with(RUNNING, state(), RUNNING, release=release)
    assert not pause(server, clock=Clock(NOW)).is_pause_kept
    sent = len(posts(transport))
    with pytest.raises(errors.NotSupported):
        pause(server, transfers=True, clock=Clock(NOW))
    assert len(posts(transport)) == sent


def test_resume_is_read_back() -> None:
    server, transport = server_with(state(until=600), state(is_paused=False, **BUSY))
    found = resume(server, clock=Clock(NOW))
    assert (found.is_paused, found.was_paused, found.was_ending_at) == (False, True, at(600))
    assert (found.running_task_id, found.waiting_task_ids) == (7, (8,))
    assert posts(transport) == ["POST api/v1/serverstate/resume"]


def test_resume_of_a_server_that_runs_sends_nothing() -> None:
    server, transport = server_with(RUNNING, RUNNING)
    assert not resume(server, clock=Clock(NOW)).was_paused
    assert posts(transport) == []


def test_server_that_somebody_pauses_again_is_no_resumed_one() -> None:
    server, _ = server_with(state(), state(until=600))
    with pytest.raises(errors.Busy, match="still paused"):
        resume(server, clock=Clock(NOW))


def test_clock_that_cannot_be_read_leaves_the_servers_word() -> None:
    server, _ = server_with(RUNNING, state(until=7200), systeminfo=answer(500, {"Error": "An error occurred"}))
    assert pause(server, 600, clock=Clock(NOW)).pause_ends_at == at(7200)
