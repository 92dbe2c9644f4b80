"""A server that is watched for a while at a time: what is told joins up, nothing twice, nothing left out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.cli.distance.watching import follow
from duplicati_client.cli.reach import Asked
from duplicati_client.fleet.performing import Clock
from duplicati_client.operations.list import BackupSummary
from duplicati_client.operations.view import Change, EndedTask, View
from duplicati_client.sdk.models import Notification

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
IDLE = View("http://nas", "2.3.1.0")


def run(hour: int) -> BackupSummary:
    return BackupSummary("1", "Documents", "success", "", NOON, NOON.replace(hour=hour), None, None, None, None, None)


def ended(hour: int) -> EndedTask:
    return EndedTask(3, "1", "Documents", "Backup", "success", "", NOON, NOON.replace(hour=hour))


class Watching:
    """Gives one time's changes after the other, and raises those that are errors; then ends it."""

    def __init__(self, *times: list[Change] | errors.DuplicatiClientError) -> None:
        self._times = list(times)
        self.clock = Clock(sleep=lambda _: None)
        self.asked: list[float] = []

    def perform(self, asked: Asked) -> list[Change]:
        self.asked.append(asked.parameters["timeout"])
        if not self._times:
            raise errors.NotAllowed("enough")
        time = self._times.pop(0)
        if isinstance(time, errors.DuplicatiClientError):
            raise time
        return time

    def forget(self) -> None:
        """Whether the daemon is there is asked anew."""


def tell(*times: list[Change] | errors.DuplicatiClientError, is_patient: bool = False) -> list[str]:
    found: list[Any] = []
    with pytest.raises(errors.NotAllowed):
        found.extend(follow(Watching(*times), is_patient=is_patient))  # type: ignore[arg-type]
    return [change.event for change in found if change is not None]


def test_state_that_stays_is_told_once() -> None:
    assert tell([Change("state", IDLE)], [Change("state", IDLE)], [Change("state", IDLE)]) == ["state"]


def test_run_that_ends_while_it_is_watched_is_told_once() -> None:
    after = IDLE._replace(last_runs=(run(13),))
    assert tell(
        [Change("state", IDLE)],
        [Change("state", IDLE), Change("ended", after, ended(13)), Change("state", after)],
        [Change("state", after)],
    ) == ["state", "ended", "state"]


def test_run_that_ends_between_two_times_is_told_all_the_same() -> None:
    before, after = IDLE._replace(last_runs=(run(12),)), IDLE._replace(last_runs=(run(13),))
    assert tell([Change("state", before)], [Change("state", after)]) == ["state", "ended", "state"]


def test_runs_that_were_over_before_it_was_watched_are_none_that_end() -> None:
    before = IDLE._replace(last_runs=(run(12), run(11)))
    assert tell([Change("state", before)], [Change("state", before._replace(is_paused=True))]) == ["state", "state"]


def test_notification_that_comes_between_two_times_is_told() -> None:
    after = IDLE._replace(notifications=(Notification(1, "Error", "t", "m", None, None, NOON, {}),))
    assert tell([Change("state", IDLE)], [Change("state", after)]) == ["state", "notification", "state"]


def test_absence_is_told_when_it_begins_and_when_it_ends() -> None:
    away = errors.Unreachable("gone")
    assert tell([Change("state", IDLE)], away, away, [Change("state", IDLE)]) == ["state", "away", "back", "state"]


def test_daemon_that_is_not_there_at_the_start_is_an_error() -> None:
    with pytest.raises(errors.Unreachable):
        list(follow(Watching(errors.Unreachable("gone")), is_patient=False))  # type: ignore[arg-type]


def test_where_many_are_watched_one_that_is_not_there_at_the_start_is_waited_for() -> None:
    assert tell(errors.Unreachable("gone"), [Change("state", IDLE)], is_patient=True) == ["state"]


def test_first_look_is_short_so_that_something_is_seen_soon() -> None:
    watching = Watching([Change("state", IDLE)], [Change("state", IDLE)])
    with pytest.raises(errors.NotAllowed):
        list(follow(watching, is_patient=False))  # type: ignore[arg-type]
    assert watching.asked == [1.0, 5.0, 5.0]
