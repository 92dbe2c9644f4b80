"""Which task of a server is next, what waits and what is tried again; order, runs that stand for others, clocks."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.daemon.entries import Step
from tests.fakes import answer
from tests.unit.daemon.bench import START_AT
from tests.unit.daemon.workbench import Workbench

RUN = "POST backup/3/run"
STATUS = {"Operation": "status", "Resources": []}
PHOTOS = {"Resources": [{"Type": "backup", "ID": 4}]}
VERIFY = {"Operation": "verify"}
GONE = errors.ConnectionRefused("nothing answers at 127.0.0.1 port 8200")
WRONG = errors.LoginRefused("the password is wrong")
HOUR = 3600.0


def at(seconds: float = 0.0) -> str:
    return (START_AT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def tell(bench: Workbench, code: str) -> list[str]:
    return [event.text for event in bench.told if event.code == code]


# --- order ----------------------------------------------------------------------------------------------


def test_tasks_of_one_backup_begin_in_their_order() -> None:
    bench = Workbench()
    for task_id, members in enumerate(({}, VERIFY, {"Parameters": {"skip-queue": True}}), 1):
        bench.give(task_id, **members)
    bench.work()
    assert bench.ended == ["i:1", "i:2", "i:3"]
    assert bench.server.requests_with_effect == [RUN, "POST backup/3/verify", RUN]


def test_task_that_names_a_backup_waits_for_one_that_gives_an_id_for_both_may_mean_the_same() -> None:
    bench = Workbench()
    bench.server.begin(5)
    bench.server.takes_seconds = None
    bench.give(1)
    bench.give(2, Resources=[{"Type": "backup", "Name": "Photos"}], **VERIFY)
    bench.work("long", turns=3)
    assert bench.state("i:1") == "waiting-for-slot"
    assert bench.state("i:2") == "waiting"


def test_other_backups_and_what_is_about_none_go_side_by_side() -> None:
    bench = Workbench()
    bench.server.begin(5)
    bench.server.takes_seconds = None
    bench.give(1)
    bench.give(2, **STATUS)
    bench.give(3, Operation="describe", Resources=[{"Type": "backup", "ID": 4}])
    bench.work()
    assert bench.ended == ["i:2", "i:3"]
    assert bench.state("i:1") == "waiting-for-slot"


def test_stop_does_not_wait_for_the_run_that_it_is_to_stop() -> None:
    bench = Workbench()
    run = bench.give(1)
    bench.server.takes_seconds = None
    bench.begin(run)
    bench.give(2, Operation="stop")
    bench.work("quick")
    assert bench.ended == ["i:2"]


def test_watching_keeps_nobody_else_from_their_work() -> None:
    bench = Workbench()
    bench.give(1, Operation="watch", Resources=[], Parameters={"count": 5})
    bench.give(2, **STATUS)
    bench.give(3)
    bench.work("long", "quick")
    assert bench.ended == ["i:3", "i:2"]


def test_bug_in_one_task_stops_no_other() -> None:
    bench = Workbench()
    bench.server.before = lambda request: 1 / 0 if request.path.endswith("backup/4") else None
    bench.give(1, **PHOTOS)
    bench.give(2)
    bench.work()
    assert bench.outcome("i:1")[1]["Code"] == "internal-error"
    assert bench.outcome("i:2")[1]["Outcome"] == "success"
    assert "ZeroDivisionError" in tell(bench, "bug")[0]


def test_task_that_this_release_does_not_know_ends_as_malformed() -> None:
    bench = Workbench()
    key = bench.decide()
    bench.journal.record(key, Step.RECEIVED, {"Content": {"ID": 1, "Operation": "run", "Speed": 2}})
    bench.worker.put(key)
    assert bench.outcome(key)[1]["Code"] == "malformed"
    assert bench.ended == [key]


# --- one run for several --------------------------------------------------------------------------------


def test_one_run_stands_for_all_that_wait_for_the_very_same() -> None:
    bench = Workbench()
    for task_id in range(1, 73):
        bench.give(task_id)
    bench.work()
    assert bench.server.runs_count == 1
    assert len(bench.ended) == 72
    told = [bench.outcome(f"i:{task_id}") for task_id in range(1, 73)]
    assert {status for status, _ in told} == {"completed"}
    assert [data.get("CoalescedWith") for _, data in told] == [None] + [1] * 71


def test_only_runs_that_are_alike_and_have_nothing_of_their_backup_between_them_are_one() -> None:
    bench = Workbench()
    bench.give(1)
    bench.give(2, **VERIFY)
    bench.give(3)
    bench.work()
    assert bench.server.requests_with_effect == [RUN, "POST backup/3/verify", RUN]
    other = Workbench()
    other.give(1)
    other.give(2, Parameters={"skip-queue": True})
    other.work()
    assert other.server.runs_count == 2


def test_run_that_is_not_to_begin_yet_is_not_taken_along() -> None:
    bench = Workbench()
    bench.give(1)
    bench.give(2, NotBefore=at(HOUR))
    bench.work()
    assert bench.ended == ["i:1"]


def test_follower_has_its_intent_on_the_disk_and_ends_with_its_leader_after_a_restart() -> None:
    bench = Workbench()
    leader, follower = bench.decide(1), bench.decide(2)
    bench.begin(leader)
    bench.journal.record(follower, Step.INTENT, {"Attempt": 1, "CoalescedWith": leader})
    for key in (leader, follower):
        bench.worker.put(key)
    bench.work()
    assert bench.ended == [follower, leader]
    assert bench.outcome(follower)[1]["CoalescedWith"] == 1
    assert bench.server.runs_count == 1


def test_follower_whose_leader_is_not_there_any_more_runs_by_itself() -> None:
    bench = Workbench()
    follower = bench.decide(2)
    bench.journal.record(follower, Step.INTENT, {"Attempt": 1, "CoalescedWith": "i:1"})
    bench.worker.put(follower)
    bench.work()
    assert bench.outcome(follower)[1]["Outcome"] == "success"


def test_leader_that_is_taken_back_takes_nobody_along() -> None:
    bench = Workbench()
    leader, follower = bench.give(1), bench.decide(2)
    bench.journal.record(follower, Step.INTENT, {"Attempt": 1, "CoalescedWith": leader})
    bench.worker.put(follower)
    bench.worker.cancel(leader, may_stop=False)
    bench.work()
    assert bench.outcome(leader)[1]["Code"] == "cancelled"
    assert bench.outcome(follower)[1]["Outcome"] == "success"


# --- taken back, too early, too late --------------------------------------------------------------------


def test_who_tells_of_tasks_hears_when_one_begins_and_not_of_one_that_never_does() -> None:
    bench = Workbench()
    begun: list[list[str]] = []
    bench.worker.hear_of_begin = lambda: begun.append([one.state for one in bench.worker.running])
    taken_back, _ = bench.give(1, **STATUS), bench.give(2, **STATUS)
    bench.worker.cancel(taken_back, may_stop=False)
    bench.work()
    assert begun == [["running"]]


def test_task_that_has_not_begun_ends_at_once_when_it_is_taken_back_whatever_its_lane_does() -> None:
    bench = Workbench()
    first = bench.give(1)
    bench.server.takes_seconds = None
    bench.begin(first)
    second = bench.give(2, **VERIFY)
    assert bench.worker.cancel(second, may_stop=True)
    bench.work("quick")
    assert bench.outcome(second)[1]["Code"] == "cancelled"
    assert not bench.worker.cancel("i:99", may_stop=True)


@pytest.mark.parametrize("jump_days", [0, 3650, -3650])
@pytest.mark.parametrize("offset_hours", [0, 5])
def test_own_times_of_a_task_are_judged_by_the_task_servers_clock(jump_days: int, offset_hours: int) -> None:
    bench = Workbench()
    bench.offset, bench.clock.jump = timedelta(hours=offset_hours), timedelta(days=jump_days)
    early = bench.give(1, NotBefore=at(offset_hours * HOUR + 60))
    late = bench.give(2, **PHOTOS, NotAfter=at(offset_hours * HOUR - 200))
    too_late = bench.give(3, **STATUS, NotAfter=at(offset_hours * HOUR - 301))
    bench.work("quick")
    assert bench.outcome(too_late)[1]["Code"] == "expired", "beyond the five minutes of grace"
    assert bench.outcome(late) is bench.outcome(early) is None
    bench.work()
    assert bench.outcome(late) is not None
    assert bench.outcome(early) is None
    bench.clock.seconds += 61
    bench.work()
    assert bench.outcome(early)[1]["Outcome"] == "success"


def test_reads_wait_while_results_fill_the_journal_and_runs_do_not() -> None:
    bench = Workbench()
    bench.journal.open_bytes = 16 * 1024 * 1024
    read, run = bench.give(1, **STATUS), bench.give(2, **PHOTOS)
    bench.work_until(lambda: bench.outcome(run))
    assert bench.outcome(read) is None
    bench.journal.open_bytes = 0
    bench.work_until(lambda: bench.outcome(read))
    assert bench.outcome(read)[0] == "completed"


def test_nothing_new_begins_while_it_is_not_known_whose_it_is_after_a_sleep() -> None:
    bench = Workbench()
    begun = bench.decide(1)
    bench.begin(begun)
    bench.worker.put(begun)
    bench.give(2, **PHOTOS)
    bench.worker.is_to_wait = lambda: True
    bench.work()
    assert bench.ended == [begun]
    bench.worker.is_to_wait = lambda: False
    bench.work()
    assert bench.ended == [begun, "i:2"]


# --- a server that is away ------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [GONE, errors.PortalMet("a login page"), errors.CertificateExpired("expired")])
def test_tasks_wait_for_a_server_that_is_away_and_are_told_once(failure: errors.DuplicatiClientError) -> None:
    bench = Workbench()
    bench.server.failure = failure
    keys = [bench.give(1), bench.give(2, **STATUS), bench.give(3, **PHOTOS)]
    waited: list[float] = []
    for _ in range(12):
        before = bench.opened_count
        bench.work_until(lambda before=before: bench.opened_count > before, step_seconds=1.0)
        waited.append(bench.clock.seconds)
    gaps = [later - earlier for earlier, later in pairwise(waited)]
    assert gaps[0] <= 10
    assert max(gaps) <= 301
    assert gaps == sorted(gaps)
    assert [bench.state(key) for key in keys] == ["waiting-for-duplicati"] * 3
    assert bench.worker.failure is failure
    assert len(tell(bench, "server main")) == 1
    bench.server.failure = None
    bench.work_until(lambda: len(bench.ended) == 3)
    assert bench.worker.failure is None
    assert len(tell(bench, "server-back")) == 1


def test_days_without_the_server_are_told_once_an_hour() -> None:
    bench = Workbench()
    bench.server.failure = GONE
    bench.give(1)
    began_at = bench.clock.seconds
    bench.work_until(lambda: bench.clock.seconds > began_at + 5 * HOUR, step_seconds=60)
    assert len(tell(bench, "server main")) == 6 or len(tell(bench, "server main")) == 5


def test_task_that_reads_makes_no_news_of_a_server_that_is_still_away() -> None:
    bench = Workbench()
    bench.server.failure = GONE
    bench.give(1, **STATUS)
    bench.work_until(lambda: bench.opened_count == 6, step_seconds=30)
    assert tell(bench, "server-back") == []
    assert len(tell(bench, "server main")) == 1


def test_all_tasks_end_as_unreachable_after_a_day_of_absence_and_not_before() -> None:
    bench = Workbench()
    bench.server.failure = GONE
    keys = [bench.give(task_id, **PHOTOS) for task_id in range(1, 40)]
    bench.work()
    bench.clock.seconds += 23.9 * HOUR
    bench.work()
    assert bench.ended == []
    bench.clock.seconds += 0.5 * HOUR
    bench.work_until(lambda: len(bench.ended) == 39, step_seconds=60, turns=10)
    assert {bench.outcome(key)[1]["Code"] for key in keys} == {"unreachable"}


def test_a_day_counts_from_the_absence_and_not_from_the_arrival() -> None:
    bench = Workbench()
    bench.server.takes_seconds = 30 * HOUR
    bench.server.begin(5)
    key = bench.give(1)
    bench.work_until(lambda: bench.clock.seconds > 26 * HOUR, step_seconds=HOUR)
    bench.server.failure = GONE
    bench.work_until(lambda: bench.worker.failure is not None)
    assert bench.outcome(key) is None
    assert bench.state(key) == "waiting-for-duplicati"


@pytest.mark.parametrize("jump_days", [3650, -3650])
def test_jump_of_the_clock_gives_nothing_up(jump_days: int) -> None:
    bench = Workbench()
    bench.server.failure = GONE
    key = bench.give(1)
    bench.work()
    bench.clock.jump = timedelta(days=jump_days)
    bench.clock.seconds += HOUR
    bench.work()
    bench.revive()
    bench.worker.put(key)
    bench.work()
    assert bench.outcome(key) is None


def test_absence_adds_up_over_rounds_of_cron() -> None:
    bench = Workbench()
    bench.server.failure = GONE
    key = bench.give(1)
    for _ in range(25):
        bench.work()
        assert bench.outcome(key) is None
        bench.clock.seconds += HOUR
        bench.revive()
        bench.worker.put(key)
    bench.work()
    assert bench.outcome(key)[1]["Code"] == "unreachable"
    bench.server.failure = None
    bench.clock.seconds += 60
    bench.give(2)
    bench.work()
    assert "away-main.json" not in bench.folder.lines


def test_task_ends_with_its_own_time_while_the_server_is_away() -> None:
    bench = Workbench()
    bench.server.failure = GONE
    key = bench.give(1, NotAfter=at(600))
    bench.work_until(lambda: bench.outcome(key) is not None)
    assert bench.outcome(key)[1]["Code"] in ("expired", "unreachable")
    assert 900 <= bench.clock.seconds - 1000 <= 920


@pytest.mark.parametrize("is_read", [False, True])
def test_run_whose_server_stays_away_ends_as_unknown_and_not_as_unreachable(is_read: bool) -> None:
    bench = Workbench()
    bench.server.takes_seconds = None
    key = bench.decide(1, **(STATUS if is_read else {}), NotAfter=at(60))
    if is_read:
        bench.journal.record(key, Step.INTENT, {"Attempt": 1})
    else:
        bench.begin(key)
    bench.server.failure = GONE
    bench.worker.put(key)
    bench.work()
    assert bench.state(key) == ("waiting-for-duplicati" if is_read else "uncertain")
    bench.clock.seconds += HOUR
    bench.work()
    assert (bench.outcome(key) is None) is not is_read, "what may have begun does not end because it is late"
    bench.clock.seconds += 24 * HOUR
    bench.work()
    assert bench.outcome(key)[1]["Code"] == ("unreachable" if is_read else "outcome-unknown")


# --- a wrong password -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure", [WRONG, errors.ConfigurationInvalid("the password file /p cannot be read: Permission denied")]
)
def test_wrong_password_is_tried_three_times_an_hour_at_most_whatever_waits(
    failure: errors.DuplicatiClientError,
) -> None:
    bench = Workbench()
    bench.fail_to_open = failure
    keys = [bench.give(task_id, **(STATUS if task_id % 2 else PHOTOS)) for task_id in range(1, 12)]
    tries: list[float] = []

    def look() -> bool:
        if bench.worker.is_worth_a_look():
            bench.opened_count += 1
            bench.worker.note_look(failure)
        tries.extend([bench.clock.seconds] * (bench.opened_count - len(tries)))
        return bench.clock.seconds > 12 * HOUR

    bench.work_until(look, step_seconds=30)
    assert len(tries) > 12
    after_first = tries[1:]
    busiest = max(sum(begin <= then < begin + HOUR for then in after_first) for begin in after_first)
    print(f"{len(tries)} tries in twelve hours, {busiest} in the busiest one after the first")
    assert busiest <= 3
    assert bench.ended == []
    assert bench.state(keys[0]) == "waiting-for-duplicati"
    assert bench.worker.failure is failure
    assert bench.told[0].level == "error"


def test_corrected_password_lets_all_go_on_and_a_reload_waits_for_nothing() -> None:
    bench = Workbench()
    bench.fail_to_open = WRONG
    bench.give(1)
    bench.work()
    bench.clock.seconds += 70
    bench.work()
    bench.fail_to_open = None
    bench.clock.seconds += 60
    assert bench.work() == 0
    bench.worker.hurry()
    bench.work()
    assert bench.ended == ["i:1"]
    assert bench.worker.failure is None


def test_answer_that_ends_a_task_shows_as_well_that_the_server_is_back() -> None:
    bench = Workbench()
    bench.server.failure = GONE
    bench.give(1, Resources=[{"Type": "backup", "ID": 99}])
    bench.work()
    bench.server.failure = None
    bench.clock.seconds += 10
    bench.work()
    assert bench.outcome("i:1")[1]["Code"] == "backup-not-found"
    assert bench.worker.failure is None


def test_after_a_day_of_a_wrong_password_tasks_end_with_its_code() -> None:
    bench = Workbench()
    bench.fail_to_open = WRONG
    key = bench.give(1)
    bench.work_until(lambda: bench.outcome(key) is not None, step_seconds=600)
    assert bench.outcome(key)[1]["Code"] == "login-refused"


# --- what fails now and perhaps not later ---------------------------------------------------------------


def test_request_at_which_the_server_fails_is_tried_for_a_quarter_of_an_hour_and_bars_nobody_else() -> None:
    bench = Workbench()
    bench.server.fail("backups", *[answer(500, {"Error": "An error occurred"})] * 1000)
    failing = bench.give(1, Operation="describe")
    bench.give(2, Operation="list", Resources=[{"Type": "setting"}])
    bench.work()
    assert bench.ended == ["i:2"]
    assert bench.worker.failure is None
    bench.work_until(lambda: bench.outcome(failing) is not None, step_seconds=30)
    assert bench.outcome(failing)[1]["Code"] == "server-failed"
    assert 900 <= bench.clock.seconds - 1000 <= 1300
    assert len(tell(bench, "task-failing")) == 1


def test_answer_to_a_start_that_cannot_be_understood_leaves_the_run_in_doubt_and_not_failed() -> None:
    bench = Workbench()
    bench.server.fail("backup/3/run", errors.AnswerTooLarge("it has 40 MiB"))
    key = bench.give(1)
    bench.work()
    assert bench.outcome(key) is None
    assert bench.state(key) == "uncertain"
    bench.work_until(lambda: bench.outcome(key) is not None)
    assert bench.outcome(key)[1]["Outcome"] == "success"
    assert bench.server.runs_count == 1


def test_run_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    bench = Workbench()
    bench.server.loses = {"backup/3/run"}
    key = bench.give(1)
    bench.work_until(lambda: bench.outcome(key) is not None)
    assert bench.outcome(key)[1]["Attributed"] == "probe"
    assert bench.server.requests_with_effect == [RUN]


def test_log_that_stays_hidden_for_a_day_ends_as_unknown() -> None:
    bench = Workbench()
    key = bench.decide(1)
    bench.begin(key)
    bench.server.end(7)
    bench.server.is_locked = True
    bench.worker.put(key)
    bench.work_until(lambda: bench.outcome(key) is not None, step_seconds=600)
    assert bench.outcome(key)[1]["Code"] == "outcome-unknown"
    assert 24 * HOUR <= bench.clock.seconds - 1000 <= 25 * HOUR


@pytest.mark.parametrize(
    ("members", "code"),
    [({"Resources": [{"Type": "backup", "ID": 99}]}, "backup-not-found"),
     ({"Operation": "stop"}, "task-forgotten"), ({"Operation": "resume", "Resources": []}, None)],
)  # fmt: skip
def test_answer_is_an_answer_and_not_tried_again(members: dict[str, Any], code: str | None) -> None:
    bench = Workbench()
    key = bench.give(1, **members)
    assert bench.work() == 1
    assert bench.outcome(key)[1].get("Code") == code


def test_task_that_waits_behind_others_in_the_queue_is_busy_and_not_in_doubt() -> None:
    bench = Workbench()
    bench.server.active, bench.server.waiting = (5, "9"), [(6, "3")]
    waiting = {"Status": "Waiting", "started": None, "finished": None, "error": None}
    bench.server.tasks |= {5: waiting | {"Status": "Running"}, 6: waiting}
    key = bench.give(1, Operation="stop")
    assert bench.work() == 1
    assert bench.outcome(key)[1]["Code"] == "busy"


# --- a disk that takes nothing --------------------------------------------------------------------------


def test_full_disk_makes_tasks_wait_and_the_next_try_is_as_if_it_had_not_been() -> None:
    bench = Workbench()
    key = bench.give(1)
    bench.journal.is_failed = True
    for _ in range(5):
        bench.work()
        bench.clock.seconds += 6
    assert bench.state(key) == "storage-failed"
    assert bench.server.requests_with_effect == []
    assert len(tell(bench, "storage-failed")) == 1
    bench.journal.is_failed = False
    bench.work()
    assert "Starts" not in bench.outcome(key)[1]


def test_end_that_cannot_be_recorded_is_told_all_the_same() -> None:
    bench = Workbench()
    key = bench.decide(1)
    bench.begin(key)
    bench.worker.put(key)
    bench.journal.is_failed = True
    bench.work()
    assert bench.ended == [key]
    assert bench.outcome(key)[1]["Outcome"] == "success"


def test_result_that_is_no_json_ends_as_our_own_error() -> None:
    bench = Workbench()
    key = bench.give(1, **STATUS)
    real = bench.journal.record

    def record(key: str, step: Step, fields: Any) -> Any:
        if step is Step.OUTCOME and fields["Status"] == "completed":
            raise ValueError("Out of range float values are not JSON compliant")
        return real(key, step, fields)

    bench.journal.record = record
    bench.work()
    assert bench.outcome(key)[1]["Code"] == "internal-error"
    assert bench.ended == [key]


# --- life -----------------------------------------------------------------------------------------------


def test_stopping_begins_nothing_more_and_leaves_what_goes_on_to_the_next_start() -> None:
    bench = Workbench()
    key = bench.give(1)
    bench.worker.stop()
    assert bench.work() == 0
    bench.revive()
    bench.worker.put(key)
    bench.work()
    assert bench.ended == [key]


@pytest.mark.parametrize(("has_died", "deaths"), [(True, 1), (False, 0)])
def test_only_a_process_that_did_not_end_in_order_counts_as_a_death(has_died: bool, deaths: int) -> None:
    bench = Workbench()
    key = bench.decide(1)
    bench.begin(key)
    bench.worker.put(key, has_died=has_died)
    bench.server.failure = None
    bench.server.is_locked = True
    bench.server.end(7)
    bench.work()
    bench.clock.seconds += 60
    bench.work()
    assert bench.journal.entries[key].steps[Step.SUBMITTED].get("Deaths", 0) == deaths


def test_resting_means_that_nothing_can_be_done_now() -> None:
    bench = Workbench()
    assert bench.worker.is_resting()
    bench.give(1)
    assert not bench.worker.is_resting()
    bench.server.failure = GONE
    bench.work()
    assert bench.worker.is_resting()
    bench.give(2, NotBefore=at(HOUR), **STATUS)
    assert bench.worker.is_resting()
