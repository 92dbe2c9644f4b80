"""A log that is followed through a task server: each line once, breaks told, nothing hidden."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.cli.distance.logs import follow
from duplicati_client.cli.reach import Asked
from duplicati_client.fleet.performing import Clock
from duplicati_client.operations.logs import Break, LogLine

ASKED = Asked("logs")


class Answering:
    """Gives one answer a time, and raises those that are errors; then ends the following."""

    def __init__(self, *answers: list[str] | errors.DuplicatiClientError) -> None:
        self._answers = list(answers)
        self.clock = Clock(sleep=lambda _: None)

    def perform(self, asked: Asked) -> list[LogLine]:
        assert asked is ASKED
        if not self._answers:
            raise errors.NotAllowed("enough")
        answer = self._answers.pop(0)
        if isinstance(answer, errors.DuplicatiClientError):
            raise answer
        return [LogLine(None, "Information", text, None, "", {}) for text in answer]


def read(*answers: list[str] | errors.DuplicatiClientError) -> list[Any]:
    found: list[Any] = []
    with pytest.raises(errors.NotAllowed):
        found.extend(follow(Answering(*answers), ASKED))  # type: ignore[arg-type]
    return [item.message if isinstance(item, LogLine) else item for item in found if item is not None]


def test_each_line_is_told_once() -> None:
    assert read(["a", "b"], ["a", "b", "c"], ["b", "c", "d"], ["b", "c", "d"]) == ["a", "b", "c", "d"]


def test_lines_that_are_alike_are_told_as_often_as_they_are_there() -> None:
    assert read(["a"], ["a", "a"], ["a", "a", "a"]) == ["a", "a", "a"]


def test_more_lines_than_are_shown_at_once_leave_a_gap_that_is_told() -> None:
    first, gap, *rest = read(["a"], ["x", "y"])
    assert (first, rest) == ("a", ["x", "y"])
    assert isinstance(gap, Break)
    assert gap.has_gap


def test_absence_is_told_when_it_begins_and_when_it_ends() -> None:
    first, away, back, second = read(["a"], errors.Unreachable("gone"), errors.Unreachable("gone"), ["a", "b"])
    assert (first, second) == ("a", "b")
    assert (away.reason, away.away_seconds) == ("gone", None)
    assert back.away_seconds is not None


def test_log_that_a_running_task_locks_is_asked_for_again_without_a_word() -> None:
    assert read(["a"], errors.DatabaseLocked("in use"), ["a", "b"]) == ["a", "b"]


def test_failure_before_the_first_answer_is_raised() -> None:
    with pytest.raises(errors.BackupNotFound):
        list(follow(Answering(errors.BackupNotFound("no such backup")), ASKED))  # type: ignore[arg-type]
