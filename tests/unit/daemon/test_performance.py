"""One task on one server: what is durable before what, and what an interruption leaves to be found out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.journal import StorageFailed
from duplicati_client.http import Request
from duplicati_client.protocol.catalogue import CATALOGUE, Effect
from tests.fakes import answer
from tests.unit.daemon.workbench import Workbench
from tests.unit.sdk.backup_server import NOON

RELEASES = ("2.0.8.1", "2.3.1.0")
RUN = "POST backup/3/run"
VERIFY = {"Operation": "verify"}
LATER = NOON + timedelta(minutes=1)
generations = pytest.mark.parametrize("release", RELEASES)


def steps(bench: Workbench, key: str = "i:1") -> dict[Step, Any]:
    return dict(bench.journal.entries[key].steps)


def interrupt(bench: Workbench, *, is_submitted: bool = True, **members: Any) -> str:
    """Leave a task as a process that died leaves it: asked for, and with its number noted or not."""
    key = bench.decide(**members)
    bench.server.takes_seconds = None
    seen: list[Entry] = []

    def remember(request: Request) -> None:
        if request.method == "POST":
            seen.append(bench.journal.entries[key])

    bench.server.before = remember
    bench.begin(key)
    bench.server.before = lambda request: None
    if not is_submitted:
        bench.journal.entries[key] = seen[0]
    bench.server.requests_with_effect.clear()
    return key


def never_arrived(bench: Workbench, **members: Any) -> str:
    """Leave it as if the process had died just before the request went out."""
    key = interrupt(bench, is_submitted=False, **members)
    server = bench.server
    server.active, server.tasks, server.next_task_id = None, {}, 7
    server.takes_seconds = 5.0
    return key


# --- what is durable before what ------------------------------------------------------------------------


@generations
def test_baseline_and_intent_are_recorded_before_the_server_is_asked_and_its_number_after(release: str) -> None:
    bench = Workbench(release)
    key = bench.decide()
    known: list[dict[Step, Any]] = []
    bench.server.before = lambda request: known.append(steps(bench)) if request.method == "POST" else None
    end, _ = bench.perform(key)
    assert known[0][Step.INTENT]["Baseline"]["Counters"] == [10, 4, 4]
    assert known[0][Step.INTENT]["Attempt"] == 1
    assert Step.SUBMITTED not in known[0]
    assert steps(bench)[Step.SUBMITTED] == {"ServerTask": 7, "EventID": 11}
    assert (end.status, end.data["Outcome"], end.data["TaskID"]) == ("completed", "success", 7)
    assert "Attributed" not in end.data


def test_intent_keeps_no_words_of_the_server() -> None:
    bench = Workbench()
    bench.server.add_notice("Error", "Failed at s3://bucket?auth-password=hunter2")
    key = bench.decide()
    bench.perform(key)
    assert "hunter2" not in str(steps(bench))


@pytest.mark.parametrize("others", ["waits", "runs"])
def test_run_waits_until_nothing_of_its_backup_is_in_the_queue(others: str) -> None:
    bench = Workbench()
    bench.server.tasks[5] = {"Status": "Running", "started": NOON, "finished": None, "error": None}
    bench.server.active = (5, "3" if others == "runs" else "9")
    bench.server.waiting = [(6, "3")] if others == "waits" else []
    key = bench.decide()
    end, pauses = bench.perform(key)
    assert end is None
    assert {pause.state for pause in pauses} == {"waiting-for-slot"}
    assert bench.server.requests_with_effect == []
    assert bench.journal.entries[key].step is Step.DECIDED
    bench.server.active, bench.server.waiting = None, []
    assert bench.perform(key)[0].data["Outcome"] == "success"


def test_run_that_the_schedule_starts_just_before_is_not_taken_for_ours() -> None:
    bench = Workbench()

    looks: list[Request] = []

    def start_by_schedule(request: Request) -> None:
        looks.extend([request] if request.path.endswith("serverstate") else [])
        if len(looks) == 2 and bench.server.active is None:
            bench.server.begin(5)

    bench.server.before = start_by_schedule
    key = bench.decide()
    end, pauses = bench.perform(key)
    assert end.data["TaskID"] == 7
    assert [pause.state for pause in pauses] == ["waiting-for-slot"] * len(pauses) != []
    assert bench.server.runs_count == 1


def test_run_that_comes_and_goes_while_the_baseline_is_read_is_part_of_it() -> None:
    bench = Workbench()

    def come_and_go(request: Request) -> None:
        if request.path.endswith("systeminfo") and not bench.server.rows:
            bench.server.takes_seconds = None
            bench.server.begin(5)
            bench.server.end(5, result="Warning")
            bench.server.takes_seconds = 5.0

    bench.server.before = come_and_go
    bench.server.loses.add("backup/3/run")
    key = bench.decide()
    with pytest.raises(errors.ConnectionLost):
        bench.perform(key)
    assert [row[0] for row in steps(bench)[Step.INTENT]["Baseline"]["Rows"]] == [1]


def test_server_that_is_never_still_keeps_no_run_from_beginning() -> None:
    bench = Workbench()

    def change(request: Request) -> None:
        bench.server.event_id += request.method == "GET"

    bench.server.before = change
    assert bench.perform(bench.decide())[0].data["Outcome"] == "success"


def test_other_work_waits_in_the_servers_queue_instead() -> None:
    bench = Workbench()
    bench.server.begin(5)
    end, pauses = bench.perform(bench.decide(**VERIFY))
    assert (end.status, end.data["Outcome"], pauses) == ("completed", "success", [])


# --- the seven steps of the probe -----------------------------------------------------------------------


@generations
def test_step_1_number_of_the_same_process_that_runs_is_watched(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench)
    bench.server.finish_in(60)
    end, _ = bench.perform(key)
    assert (end.status, end.data["Outcome"], end.data["TaskID"]) == ("completed", "success", 7)
    assert bench.server.requests_with_effect == []


@pytest.mark.parametrize(
    ("how", "outcome"),
    [({"result": "Success"}, "success"), ({"result": "Warning"}, "warning"),
     ({"result": "Warning", "PartialBackup": True, "Interrupted": True}, "interrupted"),
     ({"result": None, "status": "Failed", "error": "no such folder"}, "fatal")],
)  # fmt: skip
def test_step_1_number_that_ended_is_told_by_its_row_or_its_failure(how: dict[str, Any], outcome: str) -> None:
    bench = Workbench()
    key = interrupt(bench)
    bench.server.end(7, **how)
    end, _ = bench.perform(key)
    assert (end.status, end.data["Outcome"]) == ("completed", outcome)
    assert bench.server.requests_with_effect == []


@generations
def test_step_1_number_of_a_server_that_was_restarted_is_somebody_elses(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench)
    bench.server.restart()
    bench.server.event_id = 500  # it has overtaken what it was, but not all that it counts
    bench.server.next_task_id, bench.server.takes_seconds = 7, 5.0
    bench.server.tasks[7] = {"Status": "Completed", "started": LATER, "finished": LATER, "error": None}
    end, pauses = bench.perform(key)
    assert (end.data["Outcome"], end.data["Starts"], pauses) == ("success", 2, [])
    assert bench.server.requests_with_effect == [RUN]


@generations
def test_step_2_run_in_the_queue_is_ours_though_its_number_is_not_known(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench, is_submitted=False)
    bench.server.tasks[7] |= {"started": LATER}
    bench.server.progress = {"TaskID": 7, "BackupID": "3", "Phase": "Backup_Begin"}
    bench.server.finish_in(3)
    end, _ = bench.perform(key)
    assert (end.data["Outcome"], end.data["Attributed"]) == ("success", "probe")
    assert steps(bench)[Step.SUBMITTED]["ServerTask"] == 7
    assert bench.server.requests_with_effect == []


@generations
def test_step_2_other_work_of_the_backup_is_waited_for_and_not_taken_for_the_run(release: str) -> None:
    bench = Workbench(release)
    key = never_arrived(bench)
    bench.server.begin(5, operation="Test")
    bench.server.tasks[5] |= {"operation": "Verify"}
    bench.server.progress = {"TaskID": 5, "BackupID": "3", "Phase": "Test_Running"}
    end, pauses = bench.perform(key)
    assert end.data["Outcome"] == "success"
    assert pauses[0].state == "uncertain"
    assert bench.server.requests_with_effect == [RUN]


@generations
@pytest.mark.parametrize("has_restarted", [False, True])
def test_step_3_run_that_began_after_the_intent_is_adopted(release: str, has_restarted: bool) -> None:
    bench = Workbench(release)
    key = interrupt(bench, is_submitted=False)
    bench.server.end(7, result="Warning")
    if has_restarted:
        bench.server.restart()
    end, _ = bench.perform(key)
    assert (end.data["Outcome"], end.data["Attributed"]) == ("warning", "probe")
    assert bench.server.requests_with_effect == []


@generations
def test_step_3_run_of_before_the_intent_and_moved_metadata_prove_nothing(release: str) -> None:
    bench = Workbench(release)
    key = never_arrived(bench)
    bench.server.add_row("Success", began_at=NOON - timedelta(hours=1), ended_at=NOON - timedelta(minutes=59))
    bench.server.metadata |= {"LastBackupStarted": "20261124T120001Z", "LastBackupFinished": "20261124T120002Z"}
    end, _ = bench.perform(key)
    assert end.data["TaskID"] == 7
    assert bench.server.requests_with_effect == [RUN]


@generations
def test_step_3_run_is_found_although_the_clock_of_its_server_was_set_back_ten_years(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench, is_submitted=False)
    bench.server.end(7, result=None)
    began_at = NOON - timedelta(days=3652)
    bench.server.add_row("Success", began_at=began_at, ended_at=began_at)
    set_back = {"ServerVersion": release, "ServerTime": (began_at + timedelta(minutes=1)).isoformat()}
    bench.server.fail("systeminfo", answer(200, set_back))
    end, _ = bench.perform(key)
    assert (end.status, end.data["Attributed"]) == ("completed", "probe")
    assert bench.server.requests_with_effect == []


@generations
def test_step_3_run_is_found_although_clocks_were_set_back_and_forth(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench, is_submitted=False)
    bench.server.end(7, result=None)
    began_at = NOON - timedelta(days=1)
    bench.server.add_row("Success", began_at=began_at, ended_at=began_at)
    bench.clock.jump = timedelta(days=400)
    end, _ = bench.perform(key)
    assert (end.status, end.data["Attributed"]) == ("completed", "probe")
    assert bench.server.requests_with_effect == []


@generations
def test_step_3_log_that_was_locked_before_is_told_by_its_rows_times(release: str) -> None:
    bench = Workbench(release)
    bench.server.add_row("Error", began_at=NOON - timedelta(hours=1), ended_at=NOON - timedelta(hours=1))
    bench.server.fail("backup/3/log", answer(500, {"Error": "busy"}))
    key = interrupt(bench, is_submitted=False)
    assert steps(bench)[Step.INTENT]["Baseline"]["Rows"] is None
    bench.server.end(7, result="Warning")
    end, _ = bench.perform(key)
    assert (end.data["Outcome"], end.data["Attributed"]) == ("warning", "probe")


@generations
def test_step_4_new_error_of_the_backup_is_the_runs_and_it_is_not_repeated(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench, is_submitted=False)
    bench.server.end(7, result=None)
    bench.server.metadata |= {"LastErrorDate": "20261124T120003Z", "LastErrorMessage": "The folder is gone"}
    end, _ = bench.perform(key)
    assert end.data["Outcome"] in ("fatal", "error", "unknown")
    assert end.data["Outcome"] != "success"
    assert bench.server.requests_with_effect == []


@generations
def test_step_5_request_that_left_no_trace_is_sent_again_once_it_cannot_arrive_any_more(release: str) -> None:
    bench = Workbench(release)
    key = never_arrived(bench)
    bench.settle_seconds = 30.0
    end, pauses = bench.perform(key)
    assert sum(pause.seconds for pause in pauses) >= 30
    assert all((pause.state, pause.is_short) == ("uncertain", True) for pause in pauses)
    assert (end.data["Outcome"], steps(bench)[Step.INTENT]["Attempt"]) == ("success", 2)
    assert "Starts" not in end.data, "what never arrived was never started"
    assert bench.server.requests_with_effect == [RUN]


@generations
def test_step_6_what_a_restarted_server_has_lost_is_started_once_more_and_not_thrice(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench)
    bench.server.restart()
    bench.settle_seconds = 30.0
    bench.begin(key)
    assert bench.server.requests_with_effect == [RUN]
    bench.server.restart()
    end, pauses = bench.perform(key)
    assert (end.status, end.data["Code"], end.data["Starts"], pauses) == ("error", "interrupted", 2, [])
    assert bench.server.requests_with_effect == [RUN]


@generations
def test_step_6_what_was_lost_is_only_reported_where_the_policy_wants_that(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench)
    entry = bench.journal.entries[key]
    decided = {**entry.steps[Step.DECIDED], "OnInterrupted": "report"}
    bench.journal.entries[key] = entry._replace(steps={**entry.steps, Step.DECIDED: decided})
    bench.server.restart()
    end, _ = bench.perform(key)
    assert (end.data["Code"], end.data["Starts"]) == ("interrupted", 1)
    assert bench.server.requests_with_effect == []


@generations
def test_run_that_was_found_in_the_queue_counts_as_lost_when_its_server_is_restarted(release: str) -> None:
    bench = Workbench(release)
    bench.server.restart()
    key = interrupt(bench, is_submitted=False)
    bench.server.finish_in(60)
    bench.begin(key)
    assert steps(bench)[Step.SUBMITTED]["EventID"] == bench.server.event_id
    bench.server.restart()
    bench.begin(key)
    bench.server.restart()
    end, _ = bench.perform(key)
    assert (end.data["Code"], end.data["Starts"]) == ("interrupted", 2)
    assert bench.server.requests_with_effect == [RUN]


def test_run_whose_server_was_out_of_reach_for_a_moment_is_known_by_its_row_and_not_repeated() -> None:
    bench = Workbench("2.0.8.1")
    key = bench.decide()
    refusals = [errors.ConnectionRefused("nobody there")]

    def refuse(request: Request) -> None:
        if Step.SUBMITTED in steps(bench) and request.path.endswith("serverstate") and refusals:
            raise refusals.pop()

    bench.server.before = refuse
    end, _ = bench.perform(key)
    assert refusals == []
    assert (end.status, end.data["Outcome"], bench.server.runs_count) == ("completed", "success", 1)


def test_step_7_locked_log_leaves_it_uncertain_and_a_server_that_is_away_too() -> None:
    bench = Workbench()
    key = interrupt(bench, is_submitted=False)
    bench.server.end(7)
    bench.server.is_locked = True
    end, pauses = bench.perform(key)
    assert end is None
    assert {pause.state for pause in pauses} == {"uncertain"}
    bench.server.failure = errors.ConnectionRefused("nobody there")
    with pytest.raises(errors.ConnectionRefused):
        bench.perform(key)
    bench.server.failure, bench.server.is_locked = None, False
    assert bench.perform(key)[0].data["Outcome"] == "success"
    assert bench.server.requests_with_effect == []


# --- other classes in doubt -----------------------------------------------------------------------------


@generations
def test_harmless_repeat_in_doubt_is_looked_for_first_and_repeated_once_at_most(release: str) -> None:
    bench = Workbench(release)
    key = interrupt(bench, is_submitted=False, **VERIFY)
    bench.server.end(7, operation="Test")
    end, _ = bench.perform(key)
    assert (end.data["Outcome"], end.data["Attributed"]) == ("success", "probe")
    lost = Workbench(release)
    key = interrupt(lost, **VERIFY)
    lost.server.restart()
    lost.begin(key)
    lost.server.restart()
    assert lost.perform(key)[0].data["Code"] == "interrupted"
    assert lost.server.requests_with_effect == ["POST backup/3/verify"]


@generations
def test_notice_of_something_else_completes_no_work_that_never_arrived(release: str) -> None:
    bench = Workbench(release)
    key = never_arrived(bench, **VERIFY)
    bench.server.add_row("Error", began_at=LATER, ended_at=LATER)
    bench.clock.seconds += 90
    bench.server.add_notice("Error", "another's")
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"], end.data["Outcome"]) == ("error", "outcome-unknown", "unknown")


@generations
def test_error_of_the_backup_alone_is_the_failure_of_no_work_but_a_run(release: str) -> None:
    ends = []
    for members in (VERIFY, {}):
        bench = Workbench(release)
        key = never_arrived(bench, **members)
        bench.server.metadata |= {"LastErrorDate": "20261124T120003Z", "LastErrorMessage": "The folder is gone"}
        bench.clock.seconds += 90
        end, _ = bench.perform(key)
        ends.append((end.status, end.data.get("Code"), end.data["Outcome"]))
    assert ends == [("error", "outcome-unknown", "fatal"), ("completed", None, "fatal")]


def test_number_that_has_become_anothers_on_a_server_as_busy_as_before_completes_nothing() -> None:
    bench = Workbench()
    key = interrupt(bench, **VERIFY)
    bench.server.restart()
    bench.server.event_id = bench.server.data_id = bench.server.notice_id = 100
    bench.server.tasks[7] = {"Status": "Completed", "started": LATER, "finished": LATER, "error": None}
    bench.clock.seconds += 90
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"], end.data["Outcome"]) == ("error", "outcome-unknown", "unknown")


def test_verify_that_waits_in_the_queue_is_known_by_the_queues_own_word() -> None:
    bench = Workbench()
    key = interrupt(bench, is_submitted=False, **VERIFY)
    bench.server.before = lambda request: None
    bench.server.fail("task/7", answer(200, {"Status": "Waiting", "ID": 7, "Operation": "Verify"}))
    bench.server.finish_in(3, operation="Test")
    end, pauses = bench.perform(key)
    assert (end.data["Outcome"], pauses) == ("success", [])


def test_reading_is_repeated_at_will() -> None:
    bench = Workbench()
    key = bench.decide(Operation="list", Resources=[{"Type": "backup"}])
    bench.journal.record(key, Step.INTENT, {"Attempt": 1})
    end, _ = bench.perform(key)
    assert [item["Name"] for item in end.data["Items"]] == ["Documents", "Photos"]


PAUSE = {"Operation": "pause", "Resources": []}
RESUME = {"Operation": "resume", "Resources": []}
STOP = {"Operation": "stop"}
SET = {"Operation": "set", "Resources": [{"Type": "setting"}], "Parameters": {"assignments": "update-channel=beta"}}
DESCRIBE = {"Operation": "set", "Parameters": {"assignments": "description=mine"}}
EDIT = {
    "Operation": "edit",
    "Parameters": {"definition": "name: Documents\ndescription: mine\ndestination: file:///b\nsources: [/home]\n"},
}
DISMISS = {"Operation": "dismiss", "Resources": [], "Parameters": {"all": True}}


def stage_change(bench: Workbench, operation: str) -> None:
    """Let there be something to change."""
    if operation == "resume":
        bench.server.is_paused = True
    if operation == "dismiss":
        bench.server.add_notice("Warning", "one")
        bench.server.add_notice("Error", "two")
    if operation in ("stop", "abort"):
        bench.server.takes_seconds = None
        bench.server.begin(5)


CHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "pause": (PAUSE, lambda server: setattr(server, "is_paused", True)),
    "resume": (RESUME, lambda server: setattr(server, "is_paused", False)),
    "set": (SET, lambda server: server.server_settings.update({"update-channel": "beta"})),
    "set of a backup": (DESCRIBE, lambda server: server.definition.update({"Description": "mine"})),
    "edit": (EDIT, lambda server: server.definition.update({"Description": "mine"})),
    "dismiss": (DISMISS, lambda server: server.notices.clear()),
    "stop": (STOP, lambda server: server.end(5)),
    "abort": ({"Operation": "abort"}, lambda server: server.end(5)),
}


def doubt(bench: Workbench, operation: str) -> str:
    """Leave a change as a process that died leaves it, just before its request went out."""
    stage_change(bench, operation)
    key = bench.decide(**CHANGES[operation][0])
    seen: list[Entry] = []

    def die(request: Request) -> None:
        if request.method != "GET":
            seen.append(bench.journal.entries[key])
            raise errors.ConnectionLost("the process died")

    bench.server.before = die
    with pytest.raises(errors.DuplicatiClientError):
        bench.perform(key)
    bench.server.before = lambda request: None
    bench.journal.entries[key] = seen[0]
    bench.server.requests_with_effect.clear()
    return key


@pytest.mark.parametrize("operation", CHANGES)
def test_change_in_doubt_that_is_there_is_done_and_sent_no_second_time(operation: str) -> None:
    bench = Workbench()
    key = doubt(bench, operation)
    CHANGES[operation][1](bench.server)
    end, _ = bench.perform(key)
    assert (end.status, end.data) == ("completed", {"Attributed": "probe"})
    assert bench.server.requests_with_effect == []


@pytest.mark.parametrize("operation", CHANGES)
def test_change_in_doubt_that_never_arrived_is_sent_again_once_all_is_settled(operation: str) -> None:
    bench = Workbench()
    key = doubt(bench, operation)
    bench.settle_seconds = 30.0
    end, pauses = bench.perform(key)
    assert end.status == "completed"
    assert sum(pause.seconds for pause in pauses) >= 30
    assert bench.server.requests_with_effect
    assert steps(bench)[Step.INTENT]["Attempt"] == 2


@pytest.mark.parametrize(
    ("operation", "change"),
    [("set", lambda server: server.server_settings.update({"update-channel": "nightly"})),
     ("set of a backup", lambda server: server.definition.update({"Description": "theirs"})),
     ("edit", lambda server: server.definition.update({"Name": "Papers"})),
     ("resume", lambda server: setattr(server, "pause_ends_at", NOON))],
)  # fmt: skip
def test_change_in_doubt_undoes_no_newer_change_of_somebody_else(operation: str, change: Any) -> None:
    bench = Workbench()
    key = doubt(bench, operation)
    change(bench.server)
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"]) == ("error", "outcome-unknown")
    assert bench.server.requests_with_effect == []


def test_notice_that_came_back_under_its_old_number_is_not_dismissed_in_doubt() -> None:
    bench = Workbench()
    key = doubt(bench, "dismiss")
    bench.server.notices.clear()
    bench.clock.seconds += 60
    bench.server.add_notice("Error", "a newer failure")
    end, _ = bench.perform(key)
    assert end.data["Code"] == "outcome-unknown"
    assert len(bench.server.notices) == 1


def test_run_that_began_after_a_stop_was_asked_for_is_not_stopped_in_doubt() -> None:
    bench = Workbench()
    key = doubt(bench, "stop")
    bench.server.end(5)
    bench.clock.seconds += 60
    bench.server.begin(5)
    end, _ = bench.perform(key)
    assert end.data["Code"] == "outcome-unknown"
    assert bench.server.active == (5, "3")


def test_pause_with_an_end_is_done_only_where_the_end_has_moved() -> None:
    bench = Workbench()
    bench.server.is_paused, bench.server.pause_ends_at = True, NOON + timedelta(minutes=5)
    key = bench.decide(Operation="pause", Resources=[], Parameters={"duration": 3600})
    bench.journal.record(key, Step.INTENT, {"Attempt": 1, "Left": [[True, "2026-11-24T12:05:00+00:00"]]})
    end, _ = bench.perform(key)
    assert end.data.get("Attributed") is None
    assert bench.server.pause_ends_at == NOON + timedelta(hours=1)


def test_what_no_server_can_tell_ends_as_unknown_and_is_not_repeated() -> None:
    bench = Workbench()
    key = bench.decide(**SET)
    bench.journal.record(key, Step.INTENT, {"Attempt": 1})  # as a release that noted nothing has left it
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"], end.data["Attempts"]) == ("error", "outcome-unknown", 1)
    assert bench.server.requests_with_effect == []


def test_every_class_that_may_be_in_doubt_is_among_these() -> None:
    tried = [members["Operation"] for members, _ in CHANGES.values()]
    classes = {CATALOGUE[operation].effect for operation in (*tried, "run", "verify", "list")}
    assert {one.effect for one in CATALOGUE.values()} == classes
    assert Effect.NOT_REPEATABLE not in classes, "there is no such operation yet; there has to be a test of it then"


def test_more_than_a_journal_should_keep_is_not_kept_and_not_guessed() -> None:
    bench = Workbench()
    for _ in range(600):
        bench.server.add_notice("Warning", "one of many")
    key = doubt(bench, "dismiss")
    assert len(str(steps(bench)[Step.INTENT])) < 200
    end, _ = bench.perform(key)
    assert end.data["Code"] == "outcome-unknown"
    assert len(end.data["Left"]) == 20


def test_run_without_its_baseline_ends_as_unknown() -> None:
    bench = Workbench()
    key = bench.decide()
    bench.journal.record(key, Step.INTENT, {"Attempt": 1, "BackupID": "3"})
    end, _ = bench.perform(key)
    assert end.data["Code"] == "outcome-unknown"
    assert bench.server.requests_with_effect == []


@pytest.mark.parametrize("members", [{}, VERIFY, SET])
def test_task_of_which_a_damaged_journal_has_lost_how_far_it_came_is_not_done_blindly(members: dict[str, Any]) -> None:
    bench = Workbench()
    key = bench.decide(**members)
    bench.journal.entries[key] = bench.journal.entries[key]._replace(is_uncertain=True)
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"]) == ("error", "outcome-unknown")
    assert bench.server.requests_with_effect == []


# --- deaths ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_submitted", [False, True])
def test_task_over_which_the_daemon_died_three_times_is_closed_as_poison(is_submitted: bool) -> None:
    bench = Workbench()
    key = interrupt(bench, is_submitted=is_submitted)
    for _ in range(2):
        bench.has_died = True
        bench.begin(key)
    bench.has_died = True
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"]) == ("error", "poison")
    assert "3 times" in end.data["Message"]


def test_deaths_outlast_another_start_and_an_end_in_order_is_none() -> None:
    bench = Workbench()
    key = interrupt(bench)
    bench.has_died = True
    bench.begin(key)
    assert steps(bench)[Step.SUBMITTED]["Deaths"] == 1
    bench.server.restart()
    bench.begin(key)
    assert steps(bench)[Step.INTENT]["Deaths"] == steps(bench)[Step.SUBMITTED]["Deaths"] == 1


def test_reading_over_which_the_daemon_dies_is_poison_too() -> None:
    bench = Workbench()
    key = bench.decide(Operation="status", Resources=[])
    bench.journal.record(key, Step.INTENT, {"Attempt": 1, "Deaths": 2})
    bench.has_died = True
    assert bench.perform(key)[0].data["Code"] == "poison"


# --- a disk that takes nothing --------------------------------------------------------------------------


@pytest.mark.parametrize("members", [{}, SET], ids=["run", "set"])
def test_without_a_durable_intent_nothing_is_asked_for_and_nothing_in_doubt(members: dict[str, Any]) -> None:
    bench = Workbench()
    key = bench.decide(**members)
    bench.journal.is_failed = True
    for _ in range(3):
        with pytest.raises(StorageFailed):
            bench.perform(key)
    assert bench.server.requests_with_effect == []
    assert bench.journal.entries[key].step is Step.DECIDED
    bench.journal.is_failed = False
    end, pauses = bench.perform(key)
    assert (end.status, pauses, "Starts" in end.data) == ("completed", [], False)


def test_number_that_cannot_be_recorded_stops_nobody_from_following_it() -> None:
    bench = Workbench()
    key = bench.decide()
    real = bench.journal.record

    def record(key: str, step: Step, fields: Any) -> Entry:
        bench.journal.is_failed = step is Step.SUBMITTED
        return real(key, step, fields)

    bench.journal.record = record
    assert bench.perform(key)[0].data["Outcome"] == "success"


# --- several backups ------------------------------------------------------------------------------------

BOTH = {"Resources": [{"Type": "backup", "ID": 3}, {"Type": "backup", "Name": "Photos"}]}


def test_one_backup_that_cannot_be_run_does_not_keep_the_others_from_it() -> None:
    bench = Workbench()
    key = bench.decide(**BOTH)
    bench.server.before = lambda request: (
        (_ for _ in ()).throw(errors.BackupNotFound("it is gone")) if "backup/4" in request.path else None
    )
    end, _ = bench.perform(key)
    told = [(one["BackupID"], one.get("Outcome") or one["Code"]) for one in end.data["Results"]]
    assert (end.status, told) == ("completed", [("3", "success"), ("4", "backup-not-found")])
    assert end.data["Outcome"] == "error"


def test_backup_that_is_done_is_not_done_again_when_the_next_one_has_to_wait() -> None:
    bench = Workbench()
    key = bench.decide(**BOTH)
    bench.server.before = lambda request: (
        (_ for _ in ()).throw(errors.ConnectionRefused("away")) if "backup/4" in request.path else None
    )
    for _ in range(2):
        with pytest.raises(errors.ConnectionRefused):
            bench.perform(key)
    assert bench.server.requests_with_effect == [RUN]
    assert bench.server.runs_count == 1


def test_run_of_several_backups_takes_nobody_along_once_one_of_them_is_done() -> None:
    bench = Workbench()
    key = bench.decide(**BOTH)
    reply = bench.server.reply
    bench.server.reply = lambda request: reply(request._replace(path=request.path.replace("backup/4", "backup/3")))
    end, _ = bench.perform(key)
    assert [one["Outcome"] for one in end.data["Results"]] == ["success", "success"]
    assert bench.server.requests_with_effect == [RUN, RUN]
    assert bench.took_along == [None]


def test_backup_that_an_intent_names_is_meant_though_its_name_is_anothers_by_now() -> None:
    bench = Workbench()
    key = interrupt(bench, Resources=[{"Type": "backup", "Name": "Documents"}])
    bench.server.end(7)
    kept = steps(bench)[Step.INTENT]
    bench.journal.record(key, Step.INTENT, {**kept, "BackupIDs": ["9"], "BackupID": "9"})
    with pytest.raises(errors.BackupNotFound):
        bench.perform(key)


# --- taken back -----------------------------------------------------------------------------------------


def test_run_that_is_taken_back_is_stopped_where_the_owner_lets_it() -> None:
    bench = Workbench()
    key = interrupt(bench)
    bench.is_cancelled = bench.may_stop = True
    end, _ = bench.perform(key)
    assert (end.status, end.data["Code"]) == ("error", "cancelled")
    assert bench.server.requests_with_effect == ["POST task/7/stop"]


def test_run_that_is_taken_back_goes_on_where_the_owner_lets_nobody_stop_it() -> None:
    bench = Workbench()
    key = interrupt(bench)
    bench.server.finish_in(5)
    bench.is_cancelled = True
    end, _ = bench.perform(key)
    assert (end.status, end.data["Outcome"]) == ("completed", "success")
    assert bench.server.requests_with_effect == []


def test_run_that_waits_in_the_servers_queue_is_stopped_as_soon_as_it_has_begun() -> None:
    bench = Workbench()
    key = interrupt(bench)
    bench.server.active, bench.server.waiting = (6, "9"), [(7, "3")]
    bench.server.tasks[7] |= {"Status": "Waiting", "started": None}
    bench.is_cancelled = bench.may_stop = True
    began_at = bench.clock.seconds

    def begin_later(request: Request) -> None:
        if bench.clock.seconds - began_at > 20 and bench.server.waiting:
            bench.server.begin(7)

    bench.server.before = begin_later
    end, _ = bench.perform(key)
    assert end.data["Code"] == "cancelled"


def test_what_was_lost_is_not_started_again_for_whoever_has_taken_it_back() -> None:
    bench = Workbench()
    key = interrupt(bench)
    bench.server.restart()
    bench.is_cancelled = True
    end, _ = bench.perform(key)
    assert end.data["Code"] == "cancelled"
    assert bench.server.requests_with_effect == []


def test_watching_ends_when_it_is_taken_back() -> None:
    bench = Workbench()
    bench.is_cancelled = True
    key = bench.decide(Operation="watch", Resources=[], Parameters={"count": 50})
    assert bench.perform(key)[0].data["Code"] == "cancelled"
