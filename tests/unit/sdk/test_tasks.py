"""The queue: reading tasks and asking for their end, by the verbs of each release."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk.tasks import Tasks
from tests.fakes import answer
from tests.unit.sdk.asking import channel_to


@pytest.mark.parametrize(
    ("release", "verb"),
    [
        ("2.0.8.1", "stopaftercurrentfile"),
        ("2.1.0.5", "stopaftercurrentfile"),
        ("2.2.0.3", "stop"),
        ("2.3.1.0", "stop"),
    ],
)
def test_orderly_end_has_the_verb_of_the_release(release: str, verb: str) -> None:
    channel, transport = channel_to(answer(200), answer(200), release=release)
    Tasks(channel).stop(7)
    Tasks(channel).abort(7)
    assert transport.asked == [f"POST api/v1/task/7/{verb}", "POST api/v1/task/7/abort"]


@pytest.mark.parametrize("number", [-1, True, "7", 1.5, None, 10**18])
def test_what_is_no_number_is_refused_before_anything_is_sent(number: object) -> None:
    channel, transport = channel_to()
    for ask in (Tasks(channel).get, Tasks(channel).stop, Tasks(channel).abort):
        with pytest.raises(errors.InvalidValue):
            ask(number)
    assert transport.requests == []


@pytest.mark.parametrize("release", ["2.1.0.105", "2.2.0.3"])
def test_orderly_end_is_asked_for_by_the_other_verb_where_the_server_does_not_have_the_one(release: str) -> None:
    channel, transport = channel_to(answer(404), answer(200), release=release)
    Tasks(channel).stop(7)
    assert {asked.rpartition("/")[2] for asked in transport.asked} == {"stop", "stopaftercurrentfile"}


def test_end_asked_of_a_task_that_is_gone_is_told() -> None:
    channel, _ = channel_to(answer(404, {"Error": "No such task found"}))
    with pytest.raises(errors.TaskForgotten):
        Tasks(channel).stop(7)


def test_tasks_are_listed_in_order() -> None:
    channel, _ = channel_to(answer(200, [{"ID": 7, "Status": "Running"}, {"ID": 8, "Status": "Running"}]))
    assert [task.task_id for task in Tasks(channel).list()] == [7, 8]
