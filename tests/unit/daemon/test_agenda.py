"""Ends come before answers and those before the rest; what has failed comes last, and whose fault that is is told."""

from __future__ import annotations

import math

from duplicati_client.daemon.agenda import Agenda, Blame, Rank


def take_all(agenda: Agenda, at: float = 0.0) -> list[object]:
    taken = []
    while (name := agenda.take(at)) is not None:
        taken.append(name)
    return taken


def test_things_come_by_rank_and_then_in_their_order() -> None:
    agenda = Agenda()
    for name, rank in (("a", Rank.REST), ("b", Rank.END), (("x", 1), Rank.ANSWER), ("c", Rank.END)):
        agenda.add(name, rank)
    assert take_all(agenda) == ["b", "c", ("x", 1), "a"]


def test_thing_that_rises_is_there_once() -> None:
    agenda = Agenda()
    agenda.add("a", Rank.REST, due_at=5.0)
    agenda.add("a", Rank.END)
    agenda.add("a", Rank.REST)
    assert len(agenda) == 1
    assert take_all(agenda) == ["a"]


def test_what_was_put_off_comes_last_in_its_time_and_keeps_its_place_when_it_is_added_again() -> None:
    agenda = Agenda()
    agenda.put_off("a", Rank.END, 10.0)
    agenda.add("a", Rank.END)
    agenda.add("b", Rank.REST)
    assert take_all(agenda) == ["b"]
    assert agenda.due_at == 10.0
    assert not agenda.has_work(9.0)
    assert take_all(agenda, at=10.0) == ["a"]
    assert agenda.due_at == math.inf


def test_what_was_put_off_is_no_longer_when_there_is_more_to_say_of_it() -> None:
    agenda = Agenda()
    agenda.put_off("a", Rank.REST, 10.0)
    agenda.add("a", Rank.END)
    assert agenda.has_fresh(0.0)
    assert take_all(agenda) == ["a"]


def test_failures_are_the_things_own_once_others_get_through_and_stay_so() -> None:
    blame = Blame()
    assert blame.note_failure("a") == 0
    blame.note_taken("b")
    assert [blame.note_failure("a"), blame.note_failure("a")] == [1, 2]
    blame.note_taken("a")
    assert blame.note_failure("a") == 0


def test_three_that_fail_in_a_row_are_the_servers_and_one_success_ends_the_row() -> None:
    blame = Blame()
    for name in ("a", "a", "b", "a"):
        blame.note_failure(name)
    assert not blame.is_on_the_server()
    blame.note_failure("c")
    assert blame.is_on_the_server()
    blame.note_taken("d")
    assert not blame.is_on_the_server()
