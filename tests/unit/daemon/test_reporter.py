"""What is to be said of tasks is sent until it is confirmed, in order; nothing is lost or sent for nothing."""

from __future__ import annotations

from itertools import pairwise

from duplicati_client.daemon.answers import Away, NotTaken, ResultTooLarge
from duplicati_client.daemon.entries import Step
from duplicati_client.protocol.result import Recorded, Result, Status
from tests.unit.daemon.bench import PROHIBITED, Bench

DAY_SECONDS = 86400.0


def accepted(*ids: int) -> Bench:
    bench = Bench()
    for task_id in ids:
        bench.reporter.report(bench.take(ID=task_id).key)
    return bench


def test_accepted_is_sent_before_the_end_and_the_end_is_confirmed_in_the_journal() -> None:
    bench = accepted(1)
    assert bench.send_all() == [(1, "accepted")]
    bench.end("i:1")
    bench.link.replies = [Recorded.DUPLICATE]
    assert bench.send_all() == [(1, "completed")]
    assert bench.history.find("i:1").status == "completed"
    assert bench.journal.entries == {}


def test_task_that_has_ended_before_accepted_was_sent_needs_no_accepted() -> None:
    bench = accepted(1)
    bench.end("i:1")
    assert bench.send_all() == [(1, "completed")]


def test_accepted_waits_a_moment_for_the_end_of_what_is_quick() -> None:
    bench = Bench(accepted_seconds=0.05)
    for task_id in (1, 2):
        bench.reporter.report(bench.take(ID=task_id).key)
    bench.clock.seconds += 0.04
    assert bench.send_all() == []
    assert not bench.reporter.is_done()
    bench.end("i:1")
    assert bench.send_all() == [(1, "completed")]
    bench.clock.seconds += 0.02
    assert bench.send_all() == [(2, "accepted")]
    assert bench.reporter.is_done()


def test_accepted_that_could_not_be_sent_waits_for_nothing_but_the_task_server() -> None:
    bench = Bench(accepted_seconds=0.05)
    bench.reporter.report(bench.take(ID=1).key)
    bench.clock.seconds += 0.06
    bench.link.replies = [Away("nothing answers")]
    assert bench.send_all() == [(1, "accepted")]
    bench.reporter.hurry()
    assert bench.send_all() == [(1, "accepted")]
    assert bench.send_all() == []


def test_end_overtakes_what_is_only_said_again_and_ends_keep_their_order() -> None:
    bench = accepted(1, 2, 3, 4)
    for key in ("i:3", "i:2"):
        bench.end(key)
        bench.reporter.report(key)
    assert bench.reporter.count_pending() == (4, 0)
    assert bench.send_all() == [(3, "completed"), (2, "completed"), (1, "accepted"), (4, "accepted")]


def test_end_comes_before_the_answers_to_what_is_offered_again_and_those_before_accepted() -> None:
    bench = accepted(1, 2)
    for task_id in range(100, 103):
        bench.reporter.answer(Result(task_id, Status.COMPLETED, {}))
    bench.end("i:2")
    told = bench.send_all()
    assert told == [(2, "completed"), *((task_id, "completed") for task_id in range(100, 103)), (1, "accepted")]


def test_end_that_could_not_be_sent_lets_the_others_go_first() -> None:
    bench = accepted(1, 2, 3)
    for key in ("i:2", "i:3"):
        bench.end(key)
    bench.link.replies = [Away("status 500")]
    told = bench.send_all()
    assert told == [(2, "completed"), (3, "completed"), (1, "accepted"), (2, "completed")]


def test_result_that_the_task_server_chokes_on_stops_no_other() -> None:
    bench = accepted(1)
    bench.end("i:1")
    bench.link.broken_ids = {1}
    for task_id in range(2, 6):
        bench.reporter.report(bench.take(ID=task_id).key)
        bench.end(f"i:{task_id}")
        bench.reporter.answer(Result(f"again-{task_id}", Status.COMPLETED, {}))
        bench.clock.seconds += 5
        told = bench.send_all()
        assert {(task_id, "completed"), (f"again-{task_id}", "completed")} <= set(told)
    assert bench.reporter.count_pending() == (1, 1)
    assert [event.code for event in bench.told] == ["result-not-taken"]


def test_what_is_new_is_tried_at_once_while_only_something_else_has_failed() -> None:
    bench = accepted(1)
    bench.end("i:1")
    bench.link.broken_ids = {1}
    assert bench.send_all() == [(1, "completed")]
    bench.reporter.report("i:1")
    assert bench.send_all() == [], "that is nothing new"
    bench.reporter.report(bench.take(ID=2).key)
    assert bench.send_all()[0] == (2, "accepted")


def test_result_that_the_task_server_chokes_on_is_tried_each_hour_at_last_and_delivered_when_it_can_be() -> None:
    bench = accepted(1, 2)
    bench.end("i:1")
    bench.end("i:2")
    bench.link.broken_ids = {1}
    bench.send_all()
    tries_count = 0
    for _ in range(24 * 60):
        bench.clock.seconds += 60
        tries_count += len(bench.send_all())
    assert 24 <= tries_count <= 32
    bench.link.broken_ids = set()
    bench.clock.seconds += 3600
    assert bench.send_all() == [(1, "completed")]
    assert bench.reporter.count_pending() == (0, 0)


def test_answer_that_the_task_server_chokes_on_stops_no_other() -> None:
    bench = accepted(1)
    bench.link.broken_ids = {"x"}
    for name in ("x", "y"):
        bench.reporter.answer(Result(name, Status.ERROR, {"Code": "id-conflict"}))
    assert {("y", "error"), (1, "accepted")} <= set(bench.send_all())


def test_accepted_is_not_sent_twice_for_nothing_but_again_when_it_is_offered_again() -> None:
    bench = accepted(1)
    bench.send_all()
    bench.reporter.tell_end("i:1")
    assert bench.send_all() == []
    bench.reporter.report("i:1", attempt=3)
    assert bench.send_all() == [(1, "accepted")]
    assert bench.link.posted[-1].attempt == 3


def test_task_server_that_takes_nothing_is_tried_with_three_things_and_then_with_one_at_a_time() -> None:
    bench = accepted(*range(1, 6))
    bench.link.broken_ids = set(range(1, 6))
    assert bench.send_all() == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    assert bench.send_all() == []
    assert bench.reporter.count_pending() == (5, 0)
    assert bench.reporter.is_done()
    bench.clock.seconds += 31
    assert bench.send_all() == [(4, "accepted")]


def test_task_server_that_asks_for_patience_is_tried_with_nothing_else() -> None:
    bench = accepted(1, 2)
    bench.link.replies = [Away("status 503", retry_after_seconds=600)]
    assert bench.send_all() == [(1, "accepted")]
    bench.reporter.report(bench.take(ID=3).key)
    bench.clock.seconds += 600
    assert bench.send_all() == []
    bench.clock.seconds += 31
    assert bench.send_all() == [(2, "accepted"), (3, "accepted"), (1, "accepted")]


def test_one_success_drains_what_waited_while_the_task_server_was_away() -> None:
    bench = accepted(1, 2, 3)
    bench.link.replies = [Away("away")] * 3
    bench.send_all()
    bench.clock.seconds += 31
    assert bench.send_all() == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    assert bench.reporter.count_pending() == (0, 0)


def test_a_poll_that_was_answered_ends_the_waiting() -> None:
    bench = accepted(1)
    bench.link.replies = [Away("away")]
    bench.send_all()
    bench.reporter.hurry()
    assert bench.send_all() == [(1, "accepted")]


def test_days_of_absence_are_told_once_an_hour_and_their_end_too() -> None:
    bench = accepted(1)
    for _ in range(125):
        bench.link.replies = [Away("away")]
        bench.send_all()
        bench.clock.seconds += 61
    assert [event.code for event in bench.told] == ["away"] * 3
    bench.send_all()
    assert bench.told[-1].code == "results-go"


def test_result_that_is_not_taken_goes_to_the_slow_lane_and_stops_no_other() -> None:
    bench = accepted(1, 2)
    bench.end("i:1")
    bench.end("i:2")
    bench.link.replies = [NotTaken("status 422")]
    assert bench.send_all() == [(1, "completed"), (2, "completed")]
    assert bench.reporter.count_pending() == (1, 1)
    assert bench.journal.entries["i:1"].step is Step.OUTCOME
    bench.clock.seconds += 1800
    assert bench.send_all() == []
    bench.clock.seconds += 1801
    assert bench.send_all() == [(1, "completed")]
    assert bench.reporter.count_pending() == (0, 0)


def test_result_that_is_too_large_is_halved_until_it_is_taken() -> None:
    bench = accepted(1)
    bench.end("i:1", data={"Items": list(range(10000))})
    bench.link.replies = [ResultTooLarge("413")] * 3
    assert bench.send_all() == [(1, "completed")] * 4
    sizes = [len(result.encode()) for result in bench.link.posted]
    assert all(later < earlier * 0.6 for earlier, later in pairwise(sizes))
    assert bench.link.posted[-1].data["Truncated"] is True


def test_result_that_is_too_large_however_small_goes_to_the_slow_lane() -> None:
    bench = accepted(1)
    bench.end("i:1", data={"Items": list(range(10000))})
    bench.link.replies = [ResultTooLarge("413")] * 7
    assert len(bench.send_all()) == 7
    assert bench.reporter.count_pending() == (1, 1)


def test_full_disk_keeps_nobody_from_being_told() -> None:
    bench = accepted(1)
    bench.journal.is_failed = True
    try:
        bench.end("i:1")
    except Exception:
        bench.reporter.tell_end("i:1")
    assert bench.send_all() == [(1, "completed")]
    assert bench.send_all() == []


def test_answer_that_no_entry_stands_for_is_sent_until_it_arrives() -> None:
    bench = Bench()
    bench.reporter.answer(Result("x", Status.ERROR, {"Code": "id-conflict"}))
    bench.link.replies = [Away("away")]
    bench.send_all()
    bench.reporter.hurry()
    assert bench.send_all() == [("x", "error")]
    assert bench.reporter.count_pending() == (0, 0)


def test_answer_that_fell_out_while_it_could_not_be_sent_is_forgotten() -> None:
    bench = Bench()

    def flood() -> None:
        for number in range(1000):
            bench.reporter.answer(Result(f"y{number}", Status.ERROR, {"Code": "id-conflict"}))
        raise Away("away")

    bench.reporter.answer(Result("x", Status.ERROR, {"Code": "id-conflict"}))
    bench.link.replies = [flood]
    for _ in range(21):
        bench.clock.seconds += 61
        bench.send_all()
    assert bench.reporter.count_pending() == (0, 0)
    assert [result.task_id for result in bench.link.posted].count("x") == 1


def test_attempt_of_the_task_comes_back_in_each_result() -> None:
    bench = Bench()
    bench.reporter.report(bench.take(level=1, Attempt=4).key)
    bench.end("i:1")
    bench.send_all()
    assert bench.link.posted[-1].attempt == 4


def test_confirmed_tasks_leave_the_journal_when_nothing_is_open_and_else_now_and_then() -> None:
    bench = accepted(1, 2)
    bench.end("i:1")
    bench.send_all()
    assert list(bench.journal.entries) == ["i:2"]
    bench.reporter.report(bench.take(ID=3).key)
    bench.end("i:3")
    bench.send_all()
    assert "i:3" in bench.journal.entries
    bench.clock.seconds += 61
    bench.send_all()
    assert list(bench.journal.entries) == ["i:2"]


def test_confirmed_tasks_leave_a_large_journal_at_once() -> None:
    bench = accepted(1, 2)
    bench.journal.is_full = True
    bench.end("i:1")
    bench.send_all()
    assert list(bench.journal.entries) == ["i:2"]
    assert bench.history.find("i:1").status == "completed"


def test_task_that_is_offered_again_does_not_leave_the_slow_lane() -> None:
    bench = accepted(1)
    bench.end("i:1")
    bench.link.replies = [NotTaken("status 422")]
    bench.send_all()
    bench.reporter.report("i:1", attempt=2)
    assert bench.send_all() == []
    bench.clock.seconds += 3601
    assert bench.send_all() == [(1, "completed")]
    assert bench.link.posted[-1].attempt == 2


def test_each_leaves_the_slow_lane_at_its_own_time() -> None:
    bench = Bench()
    for task_id in (1, 2):
        bench.reporter.report(bench.take(ID=task_id).key)
        bench.end(f"i:{task_id}")
        bench.link.replies = [NotTaken("status 422")]
        assert bench.send_all() == [(task_id, "completed")]
        bench.clock.seconds += 1200
    bench.clock.seconds += 1201
    assert bench.send_all() == [(1, "completed")]
    bench.clock.seconds += 1200
    assert bench.send_all() == [(2, "completed")]


def test_task_that_is_refused_is_never_said_to_be_accepted() -> None:
    bench = Bench()
    bench.decision = PROHIBITED
    bench.reporter.report(bench.take().key)
    assert bench.send_all() == []
    bench.reporter.tell_end("i:1")
    assert bench.send_all() == [(1, "refused")]
