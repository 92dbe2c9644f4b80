"""A task given to a daemon and followed to its end, whatever the task server does meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.fleet.client import Fleet
from duplicati_client.fleet.models import FleetTask
from duplicati_client.fleet.performing import Clock, Performer, Remark
from tests.fake_fleet import TOKEN, End, FakeFleet

STATUS = {"Operation": "status"}


class Time:
    """Goes on when somebody waits, and a little with each look."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self) -> float:
        self.seconds += 1.0
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def make(fleet: FakeFleet) -> Performer:
    time = Time()
    client = Fleet(fleet, TOKEN)
    return Performer(client, client.get_daemon("nas"), Clock(time.read, time.sleep))


def follow(performer: Performer, **options: Any) -> list[FleetTask | Remark | None]:
    return list(performer.follow(performer.give(STATUS), **options))


def test_task_that_is_done_at_once_is_seen_once() -> None:
    (task,) = follow(make(FakeFleet(lambda _: End("completed", {"Version": "2.3"}))))
    assert isinstance(task, FleetTask)
    assert (task.state, task.data) == ("completed", {"Version": "2.3"})


def test_task_is_given_once_although_the_answer_was_lost_three_times() -> None:
    fleet = FakeFleet()
    performer = make(fleet)
    fleet.failures = [errors.ConnectionLost("lost"), errors.DeadlineExceeded("late"), errors.Overloaded("busy")]
    assert performer.give(STATUS).number == 1
    assert len(fleet.tasks) == len(fleet.keys) == 1


def test_task_server_that_stays_away_ends_the_giving() -> None:
    fleet = FakeFleet()
    performer = make(fleet)
    fleet.failures = [errors.ConnectionRefused("nobody")] * 9
    with pytest.raises(errors.ConnectionRefused):
        performer.give(STATUS)
    assert fleet.tasks == []


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"Presence": "lost"}, errors.Unreachable),
        ({"Presence": "never", "SeenAt": None}, errors.Unreachable),
        ({"State": "revoked"}, errors.NotAllowed),
        ({"State": "waiting"}, errors.NotAllowed),
    ],
)
def test_daemon_that_cannot_take_it_is_given_nothing(members: dict[str, Any], kind: type[Exception]) -> None:
    fleet = FakeFleet()
    fleet.daemon |= members
    with pytest.raises(kind):
        make(fleet).give(STATUS)
    assert fleet.tasks == []


def test_task_that_nobody_takes_is_withdrawn_and_nothing_was_done() -> None:
    fleet = FakeFleet(lambda _: None)
    with pytest.raises(errors.Unreachable, match=r"did not take it in time.*nothing was done"):
        follow(make(fleet), take_seconds=30.0)
    assert fleet.tasks[0]["State"] == "cancelled"


def test_task_that_was_taken_is_waited_for_however_long_it_takes() -> None:
    fleet = FakeFleet(lambda _: None)
    fleet.steps = [{"State": "accepted"}, *[{"Progress": {"Bytes": n}} for n in range(50)], {"State": "completed"}]
    seen = [item for item in follow(make(fleet), take_seconds=5.0) if isinstance(item, FleetTask)]
    assert [seen[0].state, seen[1].state, seen[-1].state] == ["pending", "accepted", "completed"]
    assert len(seen) == 53


def test_task_that_is_begun_while_it_is_withdrawn_goes_on() -> None:
    fleet = FakeFleet(lambda _: None)
    performer = make(fleet)
    task = performer.give(STATUS)
    fleet.tasks[0]["State"] = "accepted"  # after it was seen, before it is cancelled
    looks = performer.follow(task, take_seconds=0.0)
    assert isinstance(next(looks), FleetTask)
    fleet.steps = [{"State": "completed"}]
    assert [item.state for item in looks if isinstance(item, FleetTask)] == ["completed"]


def test_task_server_that_goes_away_is_waited_for_and_told_of_twice() -> None:
    fleet = FakeFleet(lambda _: None)
    performer = make(fleet)
    task = performer.give(STATUS)
    looks = performer.follow(task)
    next(looks)
    fleet.failures = [errors.ConnectionLost("it hung up")] * 6
    fleet.steps = [{"State": "accepted"}, {"State": "completed"}]
    rest = list(looks)
    remarks = [item.text for item in rest if isinstance(item, Remark)]
    assert remarks[0].startswith("it hung up; trying again")
    assert remarks[1].startswith("the task server is back after")
    assert len(remarks) == 2
    assert isinstance(rest[-1], FleetTask)
    assert rest[-1].state == "completed"


def test_token_that_has_ended_meanwhile_is_no_absence() -> None:
    fleet = FakeFleet(lambda _: None)
    performer = make(fleet)
    looks = performer.follow(performer.give(STATUS))
    next(looks)
    fleet.failures = [errors.SessionEnded("the token has ended")]
    with pytest.raises(errors.SessionEnded):
        list(looks)
