"""What becomes of an offered task: new, repeated, contradictory, malformed, prohibited."""

from __future__ import annotations

import pytest

from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.intake import id_of, is_unrepeatable
from duplicati_client.daemon.journal import StorageFailed
from tests.unit.daemon.bench import PROHIBITED, Bench


def step_of(bench: Bench, key: str = "i:1") -> Step:
    return bench.journal.entries[key].step


def confirm(bench: Bench, **members: object) -> None:
    """Let a task be done and confirmed."""
    bench.reporter.report(bench.take(**members).key)
    bench.end("i:1")
    assert bench.send_all()[-1] == (1, "completed")


def test_new_task_is_recorded_decided_on_and_to_be_performed() -> None:
    bench = Bench()
    taken = bench.take()
    assert (taken.key, taken.is_new, taken.is_to_perform, taken.answer) == ("i:1", True, True, None)
    steps = bench.journal.entries["i:1"].steps
    assert steps[Step.RECEIVED]["Content"]["Operation"] == "run"
    assert steps[Step.RECEIVED]["Server"] == "main"
    assert steps[Step.DECIDED] == {"Verdict": "accept", "Rule": "preset:run", "Policy": "d1"}


def test_prohibited_task_ends_refused_with_rule_and_policy_and_is_not_performed() -> None:
    bench = Bench()
    bench.decision = PROHIBITED
    taken = bench.take()
    assert (taken.is_new, taken.is_to_perform) == (True, False)
    outcome = bench.journal.entries["i:1"].steps[Step.OUTCOME]
    assert outcome["Status"] == "refused"
    assert outcome["Data"]["Code"] == "prohibited"
    assert (outcome["Data"]["Rule"], outcome["Data"]["Policy"]) == ("built-in:unlisted", "d1")


def test_malformed_task_with_an_id_is_refused_and_the_policy_is_not_asked() -> None:
    bench = Bench()
    bench.take(Operation=5)
    outcome = bench.journal.entries["i:1"].steps[Step.OUTCOME]
    assert (outcome["Status"], outcome["Data"]["Code"]) == ("refused", "malformed")
    assert bench.judged == []


def test_item_without_an_id_leaves_no_trace() -> None:
    bench = Bench()
    taken = bench.take(ID=None)
    assert taken.key is taken.answer is None
    assert bench.journal.entries == {}


@pytest.mark.parametrize(("server", "why"), [(None, "Server is missing"), ("attic", "no server attic")])
def test_task_for_no_known_server_is_malformed(server: str | None, why: str) -> None:
    bench = Bench("main", "nas")
    bench.take(**({} if server is None else {"Server": server}))
    data = bench.journal.entries["i:1"].steps[Step.OUTCOME]["Data"]
    assert data["Code"] == "malformed"
    assert why in data["Reason"]


def test_same_task_offered_again_while_open_changes_nothing() -> None:
    bench = Bench()
    bench.take()
    taken = bench.take()
    assert (taken.key, taken.is_new, taken.is_to_perform, taken.answer) == ("i:1", False, False, None)
    assert len(bench.judged) == 1


@pytest.mark.parametrize("members", [{"Operation": "verify"}, {"ID": "1", "Operation": "verify"}])
def test_other_task_with_an_open_id_is_a_conflict_and_leaves_the_first_alone(members: dict[str, object]) -> None:
    bench = Bench()
    bench.take()
    answer = bench.take(**members).answer
    assert (answer.task_id, answer.status) == (members.get("ID", 1), "error")
    assert answer.data["Code"] == "id-conflict"
    assert list(bench.journal.entries) == ["i:1"]
    assert step_of(bench) is Step.DECIDED


@pytest.mark.parametrize(("task_id", "other"), [(1, "1"), ("1", 1), (-1, "-1"), ("-1", -1)])
def test_same_task_offered_with_its_id_in_another_type_while_open_is_that_task(task_id: object, other: object) -> None:
    bench = Bench()
    key = bench.take(ID=task_id).key
    taken = bench.take(ID=other)
    assert (taken.key, taken.is_new, taken.answer) == (key, False, None)
    assert list(bench.journal.entries) == [key]


@pytest.mark.parametrize("level", [0, 1])
def test_task_that_is_over_is_answered_in_the_type_in_which_its_id_comes_again(level: int) -> None:
    bench = Bench()
    confirm(bench)
    answer = bench.take(level=level, ID="1").answer
    assert (answer.task_id, answer.status) == ("1", "completed")
    assert bench.journal.entries == {}


def test_level_0_repeat_within_ten_minutes_is_answered_with_the_stored_result() -> None:
    bench = Bench()
    confirm(bench)
    bench.clock.seconds += 599
    answer = bench.take().answer
    assert (answer.status, answer.data) == ("completed", {"Outcome": "success"})
    assert "i:1" not in bench.journal.entries


def test_level_0_repeat_after_ten_minutes_is_a_new_task() -> None:
    bench = Bench()
    confirm(bench)
    bench.clock.seconds += 601
    assert bench.take().is_to_perform
    assert step_of(bench) is Step.DECIDED


@pytest.mark.parametrize("days", [-3650, 3650])
def test_jump_of_the_clock_does_not_make_a_repeat_a_new_task(days: int) -> None:
    from datetime import timedelta

    bench = Bench()
    confirm(bench)
    bench.clock.jump = timedelta(days=days)
    assert bench.take().answer.status == "completed"


def test_level_0_repeat_of_what_must_not_be_repeated_is_refused_as_reused() -> None:
    bench = Bench()
    members = {"Operation": "dismiss", "Resources": [], "Parameters": {"all": True}}
    confirm(bench, **members)
    bench.clock.seconds += 601
    answer = bench.take(**members).answer
    assert (answer.status, answer.data["Code"]) == ("refused", "id-reused")
    assert "i:1" not in bench.journal.entries


@pytest.mark.parametrize("members", [{"Operation": "made-up"}, {"Operation": "dismiss", "Parameters": {"all": True}}])
def test_level_0_repeat_of_what_was_refused_is_judged_again(members: dict[str, object]) -> None:
    bench = Bench()
    bench.decision = PROHIBITED
    bench.reporter.report(bench.take(**{"Resources": [], **members}).key)
    bench.reporter.tell_end("i:1")
    assert bench.send_all() == [(1, "refused")]
    bench.clock.seconds += 601
    bench.take(**{"Resources": [], **members})
    assert bench.journal.entries["i:1"].steps[Step.OUTCOME]["Data"]["Code"] == "prohibited"
    assert len(bench.judged) == 2


def test_level_0_id_with_other_content_is_a_new_task_once_the_first_is_confirmed() -> None:
    bench = Bench()
    confirm(bench)
    assert bench.take(Operation="verify").is_to_perform
    assert bench.history.find("i:1") is not None


def test_level_1_repeat_is_answered_however_late_and_with_the_new_attempt() -> None:
    bench = Bench()
    confirm(bench)
    bench.clock.seconds += 86400
    answer = bench.take(level=1, Attempt=2).answer
    assert (answer.status, answer.attempt) == ("completed", 2)


def test_level_1_id_with_other_content_is_a_conflict_also_after_the_end() -> None:
    bench = Bench()
    confirm(bench)
    assert bench.take(level=1, Operation="verify").answer.data["Code"] == "id-conflict"


def test_task_that_is_over_is_answered_again_also_while_its_id_in_another_type_is_open() -> None:
    bench = Bench()
    confirm(bench)
    bench.take(ID="1", Operation="status", Resources=[])
    answer = bench.take(level=1).answer
    assert answer is not None
    assert (answer.task_id, answer.status, answer.data) == (1, "completed", {"Outcome": "success"})


def test_entry_that_was_only_received_is_decided_on_after_a_restart() -> None:
    bench = Bench()
    bench.take()
    received = bench.journal.entries["i:1"].steps[Step.RECEIVED]
    entry = bench.journal.record("i:1", Step.RECEIVED, received)
    assert bench.intake.decide(entry).is_to_perform


def test_decision_that_could_not_be_made_durable_is_made_when_the_task_is_offered_again() -> None:
    bench = Bench()
    bench.journal.fails_at = Step.DECIDED
    with pytest.raises(StorageFailed):
        bench.take()
    assert step_of(bench) is Step.DECIDED
    taken = bench.take()
    assert (taken.key, taken.is_new, taken.is_to_perform) == ("i:1", True, True)
    again = bench.take()
    assert (again.key, again.is_new, again.is_to_perform) == ("i:1", False, False)


def test_refusal_whose_end_could_not_be_made_durable_is_told_from_memory() -> None:
    bench = Bench()
    bench.decision, bench.journal.fails_at = PROHIBITED, Step.OUTCOME
    taken = bench.take()
    assert (taken.key, taken.is_new, taken.is_to_perform) == ("i:1", True, False)
    assert step_of(bench) is Step.OUTCOME


def test_ids_keep_their_type() -> None:
    assert (id_of("i:7"), id_of("s:7"), id_of("s:a:b")) == (7, "7", "a:b")


def test_what_nobody_knows_must_not_be_repeated() -> None:
    assert is_unrepeatable("dismiss")
    assert is_unrepeatable("made-up")
    assert not is_unrepeatable("run")
    assert not is_unrepeatable("pause")
