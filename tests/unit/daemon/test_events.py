"""Events: what goes on for days is told once an hour, and the last ones are remembered."""

from __future__ import annotations

from duplicati_client.daemon.events import Event, Events
from tests.unit.daemon.bench import Clock


def watched() -> tuple[Events, list[Event], Clock]:
    told: list[Event] = []
    clock = Clock()
    return Events(told.append, clock.now, clock), told, clock


def test_the_same_warning_is_told_once_an_hour() -> None:
    events, told, clock = watched()
    for _ in range(121):
        events.warn("away", "nobody answers")
        clock.seconds += 60
    assert len(told) == 3


def test_warning_that_is_over_is_told_at_once_the_next_time() -> None:
    events, told, _ = watched()
    events.warn("away", "nobody answers")
    assert events.forget("away")
    assert not events.forget("away")
    events.warn("away", "nobody answers")
    assert len(told) == 2


def test_warnings_about_different_tasks_are_different() -> None:
    events, told, _ = watched()
    events.warn("not-taken", "it is not taken", key="i:1")
    events.warn("not-taken", "it is not taken", key="i:2")
    assert [event.key for event in told] == ["i:1", "i:2"]


def test_only_the_last_events_are_remembered_and_long_texts_are_cut() -> None:
    events, _, _ = watched()
    for number in range(1000):
        events.tell("task", f"{number} " + "x" * 10_000)
    last = events.last()
    assert len(last) == 20
    assert last[-1].text.startswith("999 ")
    assert len(last[-1].text) == 400


def test_what_others_wrote_is_told_as_one_line_of_harmless_characters() -> None:
    events, told, _ = watched()
    events.tell("task", "made-up\n\x1b[2J\u202e\u0085 é")
    assert told[0].text == "made-up\\n\\x1b[2J\\u202e\\x85 é"
