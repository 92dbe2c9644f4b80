"""How records add up to what is known of a task, and which of them a damaged file leaves in doubt."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client.daemon.entries import Damage, Entry, Step, fold, read_fields


def record(number: int, key: str, step: str, **fields: Any) -> dict[str, Any]:
    return {"Format": 1, "LSN": number, "Task": key, "Step": step, "At": f"at {number}", **fields}


LIFE = [
    record(1, "i:1", "received", Digest="d"),
    record(2, "i:1", "decided", Verdict="accept"),
    record(3, "i:1", "intent", Attempt=1),
    record(4, "i:1", "submitted", ServerTask=5),
    record(5, "i:1", "outcome", Status="completed"),
    record(6, "i:1", "confirmed", Recorded="recorded"),
]


@pytest.mark.parametrize("count", range(1, 7))
def test_entry_holds_the_fields_of_each_step_up_to_its_last(count: int) -> None:
    (entry,) = fold(LIFE[:count], Damage()).values()
    assert entry.step.value == LIFE[count - 1]["Step"]
    assert [step.value for step in entry.steps] == [one["Step"] for one in LIFE[:count]]
    assert entry.steps[Step.RECEIVED] == {"Digest": "d"}
    assert (entry.received_at, entry.changed_at, entry.is_uncertain) == ("at 1", f"at {count}", False)


def test_further_intent_drops_what_was_submitted_before() -> None:
    entry = fold([*LIFE[:4], record(5, "i:1", "intent", Attempt=2)], Damage())["i:1"]
    assert (entry.step, entry.steps[Step.INTENT]) == (Step.INTENT, {"Attempt": 2})
    assert Step.SUBMITTED not in entry.steps


def test_task_of_an_old_id_begins_anew() -> None:
    entry = fold([*LIFE, record(7, "i:1", "received", Digest="e")], Damage())["i:1"]
    assert dict(entry.steps) == {Step.RECEIVED: {"Digest": "e"}}


def test_tasks_stay_in_order_of_arrival() -> None:
    records = [record(1, "i:2", "received"), record(2, "i:1", "received"), record(3, "i:2", "decided")]
    assert list(fold(records, Damage())) == ["i:2", "i:1"]


def test_doubt_is_kept_by_a_record_and_over_a_decision_and_ends_with_an_intent() -> None:
    doubtful = Entry("i:1", Step.RECEIVED, {Step.RECEIVED: {}}, is_uncertain=True)
    decided = doubtful.after(Step.DECIDED, {"Verdict": "accept"})
    assert decided.is_uncertain
    assert not decided.after(Step.INTENT, {"Attempt": 1}).is_uncertain
    assert not decided.after(Step.OUTCOME, {"Status": "error"}).is_uncertain
    records = [LIFE[0] | {"Uncertain": True}, LIFE[1]]
    assert fold(records[:1], Damage())["i:1"].is_uncertain
    assert fold(records, Damage())["i:1"].is_uncertain


@pytest.mark.parametrize(("count", "is_doubted"), [(1, True), (2, True), (3, True), (4, True), (5, False), (6, False)])
def test_record_missing_of_somebody_doubts_what_came_before_and_has_not_ended(count: int, is_doubted: bool) -> None:
    entries = fold([*LIFE[:count], record(9, "i:2", "received")], Damage(open_until=count, is_about_strangers=True))
    assert (entries["i:1"].is_uncertain, entries["i:2"].is_uncertain) == (is_doubted, False)


@pytest.mark.parametrize("step", ["intent", "submitted", "outcome", "confirmed"])
def test_lost_record_of_something_begun_doubts_its_task_only(step: str) -> None:
    entries = fold([*LIFE[:2], record(4, "i:2", "received")], Damage(lost=[("i:1", step)]))
    assert (entries["i:1"].is_uncertain, entries["i:2"].is_uncertain) == (True, False)


@pytest.mark.parametrize("missing", range(1, 4))
def test_entry_with_a_hole_is_doubted_and_one_without_is_not(missing: int) -> None:
    lost = LIFE[missing - 1]["Step"]
    kept = [one for one in LIFE[:4] if one["Step"] != lost]
    assert fold(kept, Damage(lost=[("i:1", lost)]))["i:1"].is_uncertain
    assert not fold(LIFE[:4], Damage(lost=[("i:2", "received")]))["i:1"].is_uncertain


def test_fields_are_what_is_not_the_frame() -> None:
    assert read_fields(LIFE[0] | {"Uncertain": True}) == {"Digest": "d"}
