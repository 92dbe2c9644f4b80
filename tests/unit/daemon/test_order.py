"""Which task of a server is next, told from what is known of each; nothing is performed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.daemon.absence import Absence
from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.job import LONG, QUICK, Job
from duplicati_client.daemon.order import Order
from duplicati_client.daemon.pace import Timing
from duplicati_client.protocol.task import key_of
from tests.unit.daemon.bench import Clock, FakeJournal, make_task

DOCUMENTS = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
PHOTOS = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 4}]}
VERIFY = {"Operation": "verify", "Resources": [{"Type": "backup", "ID": 3}]}
DAY = 86_400.0


class Stage:
    """Jobs in a row, with what the journal and the absence of their server say of them."""

    def __init__(self) -> None:
        self.clock, self.journal = Clock(), FakeJournal()
        timing = Timing(self.clock.now, self.clock.now, self.clock, lambda low, high: high)
        self.absence = Absence("main", None, timing)
        self.jobs: dict[str, Job] = {}
        self.is_to_wait = False
        self.order = Order(self.jobs, self.journal, self.absence, timing, lambda: self.is_to_wait)

    def put(self, number: int, members: Mapping[str, Any], *steps: Step) -> Job:
        task, key = make_task(ID=number, **members), key_of(number)
        for step in (Step.RECEIVED, Step.DECIDED, *steps):
            self.journal.record(key, step, {})
        self.jobs[key] = Job(key, task, came_at=self.clock(), doubt_since=self.clock(), has_died=False)
        return self.jobs[key]

    def end_of(self, job: Job) -> object:
        end = self.order.find_early_end(job, is_barred=self.absence.is_barred())
        return end and end.data["Code"]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_first_of_each_backup_is_next_and_one_behind_another_of_its_own_is_not(stage: Stage) -> None:
    first, second, other = stage.put(1, DOCUMENTS), stage.put(2, VERIFY), stage.put(3, PHOTOS)
    assert stage.order.choose(LONG) is first
    first.is_active = True
    assert stage.order.choose(LONG) is other
    other.is_active = True
    assert stage.order.choose(LONG) is None
    del stage.jobs[first.key]
    assert stage.order.choose(LONG) is second


def test_list_of_all_backups_is_about_none_of_them_and_waits_for_no_run(stage: Stage) -> None:
    stage.put(1, DOCUMENTS)
    stage.put(2, PHOTOS)
    listing = stage.put(3, {"Operation": "list", "Resources": [{"Type": "backup"}]})
    assert stage.order.choose(QUICK) is listing


def test_what_is_put_off_lets_others_pass_until_its_time_has_come(stage: Stage) -> None:
    first, other = stage.put(1, DOCUMENTS), stage.put(2, PHOTOS)
    first.retry_at = stage.clock() + 5
    assert stage.order.choose(LONG) is other
    stage.clock.seconds += 5
    assert stage.order.choose(LONG) is first


def test_task_whose_time_has_not_come_holds_nobody_up_and_has_its_place_when_it_comes(stage: Stage) -> None:
    early = stage.put(1, {**DOCUMENTS, "NotBefore": "2026-11-24T13:00:00Z"})
    second, third = stage.put(2, VERIFY), stage.put(3, DOCUMENTS)
    assert stage.order.choose(LONG) is second
    assert stage.order.choose(QUICK) is None
    stage.clock.seconds += 3600
    assert stage.order.choose(LONG) is early
    assert stage.order.list_followers(early) == []
    del stage.jobs[second.key]
    assert stage.order.list_followers(early) == [third]


def test_task_whose_time_has_not_come_keeps_no_follower_from_its_leader(stage: Stage) -> None:
    leader = stage.put(1, DOCUMENTS)
    stage.put(2, {**VERIFY, "NotBefore": "2026-11-24T13:00:00Z"})
    follower = stage.put(3, DOCUMENTS)
    assert stage.order.list_followers(leader) == [follower]


def test_task_that_has_begun_goes_on_whatever_the_task_servers_clock_says_then(stage: Stage) -> None:
    begun = stage.put(1, {**DOCUMENTS, "NotBefore": "2026-11-24T13:00:00Z"}, Step.INTENT)
    assert stage.order.choose(LONG) is begun


def test_nothing_begins_while_it_is_to_wait_and_what_has_begun_goes_on(stage: Stage) -> None:
    stage.is_to_wait = True
    stage.put(1, PHOTOS)
    assert stage.order.choose(LONG) is None
    begun = stage.put(2, DOCUMENTS, Step.INTENT, Step.SUBMITTED)
    assert stage.order.choose(LONG) is begun


def test_followers_are_those_that_want_the_same_with_nothing_of_their_backup_between(stage: Stage) -> None:
    leader = stage.put(1, DOCUMENTS)
    follower = stage.put(2, DOCUMENTS)
    stage.put(3, PHOTOS)
    later = stage.put(4, DOCUMENTS)
    assert stage.order.list_followers(leader) == [follower, later]
    stage.put(5, VERIFY)
    stage.put(6, DOCUMENTS)
    assert stage.order.list_followers(leader) == [follower, later]


def test_task_that_is_taken_back_or_late_ends_in_whatever_lane_somebody_looks(stage: Stage) -> None:
    late = stage.put(1, {**DOCUMENTS, "NotAfter": "2020-01-01T00:00:00Z"})
    assert stage.order.choose(QUICK) is late
    assert stage.end_of(late) == "expired"
    late.is_cancelled = True
    assert stage.end_of(late) == "cancelled"


def test_server_that_stays_away_ends_a_task_after_a_day_as_unknown_only_if_it_may_have_begun(stage: Stage) -> None:
    waiting, begun = stage.put(1, DOCUMENTS), stage.put(2, PHOTOS, Step.INTENT)
    failure = errors.ConnectionRefused("nobody there")
    stage.absence.note(failure, is_refused=False)
    assert stage.order.choose(LONG) is None
    assert (stage.end_of(waiting), stage.end_of(begun)) == (None, None)
    stage.clock.seconds += DAY + 1
    stage.absence.note(failure, is_refused=False)
    assert (stage.end_of(waiting), stage.end_of(begun)) == ("unreachable", "outcome-unknown")
