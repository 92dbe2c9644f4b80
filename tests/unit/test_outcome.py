"""Each rule of the outcome by itself, and what must hold whatever the evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.outcome import (
    Evidence,
    LastRun,
    MetadataSign,
    NoticeSign,
    Outcome,
    RowSign,
    TaskSign,
    Verdict,
    judge,
    judge_last,
)

NOON = datetime(2026, 11, 24, 12, 0, 0, 500_000, tzinfo=UTC)
MODERN, OLD, LEGACY = (2, 3, 1, 0), (2, 1, 0, 5), (2, 0, 8, 1)
NOTHING = MetadataSign(None, None, None, None)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def second(seconds: float) -> datetime:
    return after(seconds).replace(microsecond=0)


def task(status: str = "Completed", message: str | None = None, *, is_timed: bool = True) -> TaskSign:
    return TaskSign(status, message, NOON if is_timed else None, after(60) if is_timed else None)


def row(result: str = "Success", **changes: object) -> RowSign:
    good = RowSign(
        row_id=7,
        main_operation="Backup",
        parsed_result=result,
        is_interrupted=False,
        is_partial=False,
        is_dry_run=False,
        began_at=after(0.01),
        ended_at=after(59),
        warnings_count=0,
        errors_count=0,
        first_problem=None,
    )
    return good._replace(**changes)  # type: ignore[arg-type]


def notice(
    kind: str = "Error", message: str = "it went wrong", *, is_thrown: bool = False, at: float = 60
) -> NoticeSign:
    return NoticeSign(3, kind, f"{kind} while running Documents", message, second(at), is_thrown)


def metadata(started: float | None = None, finished: float | None = None, error: float | None = None) -> MetadataSign:
    moments = [None if seconds is None else second(seconds) for seconds in (started, finished, error)]
    return MetadataSign(moments[0], moments[1], moments[2], "the last error" if moments[2] else None)


def run(**signs: object) -> Verdict:
    complete = Evidence(operation="Backup", release=MODERN, task=task(), rows=(row(),), last_phase="Backup_Complete")
    return judge(complete._replace(**signs))  # type: ignore[arg-type]


def test_good_row_without_a_sign_against_it_is_success() -> None:
    assert run() == Verdict(Outcome.SUCCESS, "It succeeded.", ("row Success",), None)


@pytest.mark.parametrize("status", ["Waiting", "Running"])
def test_task_that_has_not_ended_is_not_judged_by_its_row(status: str) -> None:
    for result in ("Success", "Warning", "Fatal"):
        assert run(task=task(status), rows=(row(result),)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("result", "outcome"), [("Warning", Outcome.WARNING), ("Error", Outcome.ERROR)])
def test_result_of_the_row_counts_and_brings_its_words(result: str, outcome: Outcome) -> None:
    verdict = run(rows=(row(result, first_problem="cannot read a.txt\nIOException: locked"),))
    assert (verdict.outcome, verdict.detail) == (outcome, "cannot read a.txt")


def test_result_that_nobody_knows_is_unknown() -> None:
    assert run(rows=(row("Splendid"),)).outcome is Outcome.UNKNOWN


def test_status_that_nobody_knows_is_no_success_in_spite_of_a_good_row() -> None:
    assert run(task=task("Vanished")).outcome is Outcome.UNKNOWN


def test_good_row_of_a_task_not_seen_to_its_end_is_success() -> None:
    assert run(task=None).outcome is Outcome.SUCCESS


def test_failed_task_is_fatal_in_spite_of_a_good_row() -> None:
    verdict = run(task=task("Failed", "The folder does not exist\n   at Duplicati"))
    assert (verdict.outcome, verdict.detail) == (Outcome.FATAL, "The folder does not exist")


def test_fatal_row_is_fatal_in_spite_of_a_completed_task() -> None:
    assert run(release=LEGACY, task=task(is_timed=False), rows=(row("Fatal"),)).outcome is Outcome.FATAL


@pytest.mark.parametrize(
    "words",
    [
        "A task was canceled.",
        "Thread was being aborted.",
        "Der Thread wurde abgebrochen.\nThreadAbortException: Der Thread wurde abgebrochen.",
        "Thread was interrupted from a waiting state.",
        "Error in handler\nTaskCanceledException: A task was canceled.",
    ],
)
def test_failure_in_the_words_of_a_cancellation_is_interrupted(words: str) -> None:
    assert run(task=task("Failed", words), rows=()).outcome is Outcome.INTERRUPTED
    assert run(task=task(), rows=(row("Fatal", first_problem=words),)).outcome is Outcome.INTERRUPTED
    assert run(release=OLD, rows=(), notices=(notice(message=words, is_thrown=True),)).outcome is Outcome.INTERRUPTED


def test_cancellation_in_a_lesser_text_does_not_hide_the_failure() -> None:
    retried = row("Fatal", first_problem="Put - Retrying\nTaskCanceledException: A task was canceled.")
    assert run(task=task("Failed", "the disk is full"), rows=(retried,)).outcome is Outcome.FATAL
    assert run(task=task(), rows=(retried,), notices=(notice(message="the disk is full", is_thrown=True),)).outcome is (
        Outcome.FATAL
    )


def test_words_come_from_the_task_then_the_notification_then_the_metadata_then_the_row() -> None:
    signs: dict[str, object] = {
        "rows": (row("Fatal", first_problem="of the row"),),
        "before": NOTHING,
        "after": metadata(error=60)._replace(error_message="of the metadata"),
    }
    assert run(rows=signs["rows"]).detail == "of the row"
    assert run(**signs).detail == "of the metadata"
    reported = {"notices": (notice(message="of the script"), notice(message="of the notification", is_thrown=True))}
    assert run(**signs, **reported).detail == "of the notification"
    assert run(**signs, **reported, task=task("Failed", "of the task")).detail == "of the task"


def test_failure_after_an_abort_that_was_asked_for_is_interrupted_whatever_its_words() -> None:
    assert run(task=task("Failed", "database is locked"), asked="abort").outcome is Outcome.INTERRUPTED


def test_failure_after_a_stop_that_was_asked_for_keeps_its_own_cause() -> None:
    assert run(task=task("Failed", "the disk is full"), asked="stop").outcome is Outcome.FATAL


def test_run_called_off_by_a_start_script_is_interrupted_though_its_row_says_success() -> None:
    verdict = run(rows=(row(is_interrupted=True),))
    assert (verdict.outcome, verdict.signs) == (Outcome.INTERRUPTED, ("row Success, interrupted",))


def test_partial_run_is_interrupted_though_its_row_says_warning() -> None:
    assert run(rows=(row("Warning", is_partial=True),)).outcome is Outcome.INTERRUPTED


def test_stop_that_came_too_late_leaves_a_success() -> None:
    assert run(asked="stop").outcome is Outcome.SUCCESS


@pytest.mark.parametrize(("kind", "outcome"), [("Error", Outcome.ERROR), ("Warning", Outcome.WARNING)])
def test_notification_makes_a_good_row_worse(kind: str, outcome: Outcome) -> None:
    verdict = run(notices=(notice(kind, "the end script failed"),))
    assert (verdict.outcome, verdict.detail) == (outcome, "the end script failed")


def test_notification_makes_no_row_better() -> None:
    assert run(rows=(row("Error"),), notices=(notice("Warning"),)).outcome is Outcome.ERROR
    assert run(rows=(row("Error"),), notices=(notice("Information"),)).outcome is Outcome.ERROR


def test_piece_of_information_takes_nothing_from_a_success() -> None:
    assert run(notices=(notice("Information"),)).outcome is Outcome.SUCCESS


def test_good_row_with_the_phase_error_is_unknown() -> None:
    assert run(last_phase="Error").outcome is Outcome.UNKNOWN


def test_dry_run_with_a_row_is_success_and_says_that_nothing_was_stored() -> None:
    verdict = run(release=OLD, rows=(row(is_dry_run=True),))
    assert (verdict.outcome, verdict.reason) == (Outcome.SUCCESS, "The dry run succeeded; nothing was stored.")


def test_dry_run_without_a_row_is_unknown_and_named() -> None:
    moved = metadata(0, 59)
    verdict = run(rows=(), before=NOTHING, after=moved, is_dry_run=True)
    assert verdict.outcome is Outcome.UNKNOWN
    assert "dry run" in verdict.reason


def test_row_of_another_operation_is_no_result_and_is_named() -> None:
    verdict = run(rows=(row(main_operation="Test"),))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "Test" in verdict.reason


def test_row_of_a_listing_is_nobodys_result() -> None:
    verdict = run(rows=(row(main_operation="ListFolder"),))
    assert verdict.reason == "It ended, but the server kept no result of it."


def test_row_that_began_before_the_task_is_not_its_own() -> None:
    assert run(rows=(row(began_at=after(-3)),)).outcome is Outcome.UNKNOWN


def test_row_that_began_after_the_task_had_ended_is_not_its_own() -> None:
    assert run(rows=(row(began_at=after(61), ended_at=after(70)),)).outcome is Outcome.UNKNOWN


def test_start_that_was_corrected_by_milliseconds_leaves_the_row_its_own() -> None:
    assert run(rows=(row(began_at=after(-0.02)),)).outcome is Outcome.SUCCESS


def test_own_row_is_found_among_those_before_and_behind() -> None:
    rows = (
        row(row_id=9, began_at=after(80), ended_at=after(90)),
        row("Error", row_id=8),
        row(row_id=6, began_at=after(-30), ended_at=after(-1)),
    )
    assert run(rows=rows).outcome is Outcome.ERROR


def test_rows_that_cannot_be_told_apart_and_differ_are_unknown() -> None:
    rows = (row(row_id=8), row("Fatal", row_id=7))
    assert run(release=LEGACY, task=task(is_timed=False), rows=rows).outcome is Outcome.UNKNOWN


def test_rows_that_cannot_be_told_apart_and_agree_are_believed() -> None:
    rows = (row("Warning", row_id=8), row("Warning", row_id=7))
    assert run(release=LEGACY, task=task(is_timed=False), rows=rows).outcome is Outcome.WARNING


def test_newest_of_rows_that_agree_gives_the_words() -> None:
    rows = (row("Warning", row_id=7, first_problem="old"), row("Warning", row_id=8, first_problem="new"))
    assert run(release=LEGACY, task=task(is_timed=False), rows=rows).detail == "new"


def test_lost_task_is_unknown_without_a_row_of_its_time() -> None:
    later = row(began_at=after(10), ended_at=after(20))
    for signs in ({"rows": ()}, {"rows": (later,)}, {"rows": (row(),), "task": None}):
        assert run(**{"task": task("Running"), "is_task_lost": True, **signs}).outcome is Outcome.UNKNOWN


def test_lost_task_takes_the_row_that_began_with_it() -> None:
    assert run(task=task("Running"), is_task_lost=True).outcome is Outcome.SUCCESS
    assert run(task=task("Running"), is_task_lost=True, rows=(row("Fatal"),)).outcome is Outcome.FATAL


def test_task_seen_to_its_end_before_it_was_lost_is_judged_as_ever() -> None:
    assert run(task=task(is_timed=False), is_task_lost=True).outcome is Outcome.SUCCESS
    assert run(task=task("Failed"), is_task_lost=True).outcome is Outcome.FATAL


def test_notification_of_another_run_says_nothing_of_a_lost_task() -> None:
    verdict = run(task=task("Running"), is_task_lost=True, rows=(), notices=(notice(is_thrown=True),))
    assert verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "signs",
    [
        {"notices": (notice(message="the last error", is_thrown=True),)},
        {"before": NOTHING, "after": metadata(error=30)},
        {"before": metadata(error=-90), "after": metadata(error=30)},
        {"last_phase": "Error"},
    ],
)
def test_failure_without_a_row_shows_elsewhere_where_every_task_is_completed(signs: dict[str, object]) -> None:
    verdict = run(**{"release": OLD, "task": task(is_timed=False), "rows": (), "last_phase": None, **signs})
    assert verdict.outcome is Outcome.FATAL
    assert verdict.detail in ("the last error", None)


def test_last_error_of_an_earlier_run_says_nothing() -> None:
    known = metadata(error=-90)
    verdict = run(release=OLD, task=task(is_timed=False), rows=(), before=known, after=known, last_phase=None)
    assert verdict.outcome is Outcome.UNKNOWN


def test_completed_task_of_a_truthful_release_did_not_throw_what_was_reported() -> None:
    verdict = run(rows=(), notices=(notice(is_thrown=True),))
    assert (verdict.outcome, verdict.reason) == (
        Outcome.ERROR,
        "The server reported errors; no result is there to tell more.",
    )


def called_off(**changes: object) -> Verdict:
    signs = {"rows": (), "before": NOTHING, "after": NOTHING, "last_phase": "Starting_Operation", **changes}
    return run(**signs)


@pytest.mark.parametrize("phase", ["Starting_Operation", "RunScript_Running"])
def test_first_run_that_ended_before_it_began_was_called_off(phase: str) -> None:
    assert called_off(last_phase=phase).outcome is Outcome.INTERRUPTED
    assert called_off(notices=(notice("Error", "exit code 5"),)).detail == "exit code 5"


@pytest.mark.parametrize(
    "change",
    [
        {"after": metadata(0, 59)},  # it moved the metadata: a dry run, perhaps
        {"after": None},  # nobody looked
        {"last_phase": "Backup_Complete"},
        {"last_phase": "Backup_ProcessingFiles"},  # it had begun
        {"last_phase": "Verify_Running"},  # another operation under this number
        {"last_phase": None},
        {"rows": None},
        {"task": None},
        {"is_dry_run": True},
        {"operation": "Test"},
        {"after": metadata(-9, 0)},  # the run before ended in the very second in which this one began
    ],
)
def test_nothing_is_called_off_on_half_the_signs(change: dict[str, object]) -> None:
    assert called_off(**change).outcome is Outcome.UNKNOWN


def test_later_run_without_a_row_was_called_off_if_the_metadata_stayed() -> None:
    known = metadata(-100, -40)
    assert called_off(before=known, after=known).outcome is Outcome.INTERRUPTED
    assert called_off(before=None, after=known).outcome is Outcome.INTERRUPTED


def silent(**changes: object) -> Verdict:
    signs = {
        "release": OLD,
        "task": task(is_timed=False),
        "rows": (),
        "before": metadata(-100, -40),
        "after": metadata(0, 60),
        "last_phase": "Backup_ProcessingFiles",
        **changes,
    }
    return run(**signs)


def test_phase_that_stays_tells_of_an_abort_where_nothing_else_does() -> None:
    assert silent().outcome is Outcome.INTERRUPTED
    assert silent(operation="Restore", last_phase="Restore_DownloadingRemoteFiles").outcome is Outcome.INTERRUPTED
    assert silent(last_phase=None, asked="abort").outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize(
    "change",
    [
        {"last_phase": "Backup_Complete"},
        {"last_phase": "Backup_Complete", "asked": "abort"},
        {"last_phase": None},
        {"last_phase": None, "asked": "stop"},
        {"rows": None},
        {"release": MODERN, "task": task()},
        {"operation": "Vacuum", "last_phase": "Backup_Begin"},
        {"rows": (row(main_operation="Test"),)},
    ],
)
def test_no_abort_is_invented_from_less(change: dict[str, object]) -> None:
    assert silent(**change).outcome is Outcome.UNKNOWN


def test_notification_alone_is_taken_at_its_word() -> None:
    assert run(rows=(), notices=(notice("Error"), notice("Warning"))).outcome is Outcome.ERROR
    assert run(rows=(), notices=(notice("Warning"),)).outcome is Outcome.WARNING
    stopped = notice("Warning", "Cancellation was requested by user.")
    assert run(rows=(), notices=(stopped,)).outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize(
    ("operation", "release"),
    [("CreateReport", MODERN), ("CreateReport", LEGACY), ("Vacuum", OLD), ("Compact", LEGACY), ("ListRemote", OLD)],
)
def test_operation_that_leaves_no_row_is_unknown_for_that_reason(operation: str, release: tuple[int, ...]) -> None:
    verdict = run(operation=operation, release=release, rows=(), last_phase=None)
    assert verdict.outcome is Outcome.UNKNOWN
    assert "leaves no result" in verdict.reason


def test_unread_log_is_named_as_the_reason() -> None:
    assert run(rows=None).reason == "It ended, but its result could not be read."


def last(known: MetadataSign | None, *notices: NoticeSign, **more: object) -> LastRun:
    return judge_last(known, notices, **{"release": MODERN, **more})  # type: ignore[arg-type]


RAN = metadata(0, 59)


def test_backup_without_any_sign_never_ran() -> None:
    assert last(None).state == last(NOTHING).state == "never"


def test_backup_that_runs_now_is_running_whatever_its_past() -> None:
    assert last(RAN, row=row("Fatal"), is_running=True).state == "running"


def test_last_run_is_success_only_by_its_row() -> None:
    assert last(RAN, row=row()).state is Outcome.SUCCESS
    assert last(RAN).state is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("signs", "state"),
    [
        (row("Warning"), Outcome.WARNING),
        (row("Error"), Outcome.ERROR),
        (row("Fatal", first_problem="no folder"), Outcome.FATAL),
        (row("Fatal", first_problem="A task was canceled."), Outcome.INTERRUPTED),
        (row(is_interrupted=True), Outcome.INTERRUPTED),
        (row("Warning", is_partial=True), Outcome.INTERRUPTED),
        (row(is_dry_run=True), Outcome.UNKNOWN),
    ],
)
def test_last_run_is_told_by_its_row(signs: RowSign, state: Outcome) -> None:
    assert last(RAN, row=signs).state is state


def test_last_run_called_off_has_a_row_newer_than_the_metadata() -> None:
    assert last(metadata(-90, -40), row=row(is_interrupted=True)).state is Outcome.INTERRUPTED


def test_row_older_than_the_last_start_says_nothing_of_it() -> None:
    assert last(metadata(100, 160), row=row()).state is Outcome.UNKNOWN
    assert last(metadata(0, 61), row=row()).state is Outcome.UNKNOWN


def test_abort_that_leaves_nothing_is_hinted_at_where_that_happens() -> None:
    assert "aborted" in last(metadata(100, 160), row=row(), release=OLD).reason
    assert "aborted" not in last(metadata(100, 160), row=row(), release=MODERN).reason


def test_error_after_the_last_good_run_is_fatal() -> None:
    known = metadata(0, 59, error=61)
    assert last(known, row=row()) == LastRun(Outcome.FATAL, "The last operation failed.", second(61), "the last error")
    assert last(known).state is Outcome.FATAL


def test_error_in_the_second_of_the_end_leaves_success_unproved() -> None:
    assert last(metadata(0, 59, error=59), row=row()).state is Outcome.UNKNOWN
    assert last(metadata(0, 59, error=59), row=row("Warning")).state is Outcome.WARNING


def test_row_whose_times_are_whole_seconds_is_of_the_run_that_the_metadata_tell_of() -> None:
    whole = row(began_at=second(0), ended_at=second(59))
    assert last(RAN, row=whole).state is Outcome.SUCCESS
    assert last(metadata(0, 59, error=59), row=whole).state is Outcome.UNKNOWN


def test_failed_row_is_told_in_the_words_of_the_metadata_of_its_time() -> None:
    failed = row("Fatal", first_problem="of the row")
    assert last(metadata(error=60), row=failed).detail == "the last error"
    assert last(metadata(error=0), row=failed).detail == "the last error"
    assert last(metadata(error=-60), row=failed).detail == "of the row"


def test_error_before_the_last_good_run_is_past() -> None:
    assert last(metadata(0, 59, error=-5), row=row()).state is Outcome.SUCCESS
    assert last(metadata(0, 59, error=-5)).state is Outcome.UNKNOWN


def test_error_in_the_second_of_the_end_is_fatal_where_no_row_is_known() -> None:
    assert last(metadata(0, 59, error=59)).state is Outcome.FATAL


def test_error_without_any_run_is_a_failed_first_run() -> None:
    assert last(metadata(error=3)).state is Outcome.FATAL
    cancelled = metadata(error=3)._replace(error_message="A task was canceled.")
    assert last(cancelled).state is Outcome.INTERRUPTED


def test_end_script_that_failed_shows_in_the_notification_only() -> None:
    assert last(RAN, notice("Error", "exit code 4"), row=row()).state is Outcome.ERROR
    assert last(RAN, notice("Error", "exit code 4")).state is Outcome.ERROR


def test_notification_of_an_earlier_run_is_past() -> None:
    assert last(RAN, notice("Error", at=-30), row=row()).state is Outcome.SUCCESS
    assert last(RAN, notice("Error", at=-30)).state is Outcome.UNKNOWN


def test_notification_of_the_second_of_the_start_counts() -> None:
    assert last(RAN, notice("Error", at=0)).state is last(RAN, notice("Error", at=0), row=row()).state is Outcome.ERROR


def test_last_run_is_dated_by_its_end_else_by_its_last_sign() -> None:
    assert last(RAN, row=row()).at == after(59)
    assert last(RAN, row=row(ended_at=None)).at == after(0.01)
    assert last(metadata(0, 59, error=-5), notice(at=70)).at == second(59)
    assert last(metadata(error=3), notice(at=70)).at == second(3)
    assert last(NOTHING, notice(at=70), notice(at=50)).at == second(70)
    assert last(NOTHING).at is None


def test_notification_is_enough_to_prove_a_failure_or_a_warning() -> None:
    assert last(RAN, notice("Error", "no folder", is_thrown=True)).state is Outcome.FATAL
    assert last(RAN, notice("Warning")).state is Outcome.WARNING
    assert last(NOTHING, notice("Warning")).state is Outcome.WARNING


texts = st.sampled_from(["", "A task was canceled.", "no folder", "Cancellation was requested by user.\nmore", "\n"])
moments = st.none() | st.integers(-5, 130).map(lambda half_seconds: after(half_seconds / 2))
flags = st.booleans()
releases = st.sampled_from([MODERN, (2, 2, 0, 3), OLD, LEGACY, ()])
operations = st.sampled_from(["Backup", "Restore", "Test", "Vacuum", "CreateReport", "ListFolder", ""])
results = st.sampled_from(["Success", "Warning", "Error", "Fatal", "Unknown", ""])
kinds = st.sampled_from(["Error", "Warning", "Information", ""])
phases = st.none() | st.sampled_from(["Backup_Complete", "Backup_ProcessingFiles", "Starting_Operation", "Error", ""])
tasks = st.builds(
    TaskSign, st.sampled_from(["Completed", "Failed", "Running", "Waiting", ""]), st.none() | texts, moments, moments
)
rows = st.builds(
    RowSign,
    *(st.integers(1, 9), operations, results, flags, flags, flags, moments, moments),
    *(st.integers(0, 3), st.integers(0, 3), st.none() | texts),
)
notice_lists = st.lists(st.builds(NoticeSign, st.integers(1, 9), kinds, texts, texts, moments, flags), max_size=3)
metadatas = st.none() | st.builds(MetadataSign, moments, moments, moments, st.none() | texts)
evidences = st.builds(
    Evidence,
    *(operations, releases, st.none() | tasks, flags, st.none() | st.lists(rows, max_size=4).map(tuple)),
    *(metadatas, metadatas, notice_lists.map(tuple), phases),
    *(st.sampled_from([None, "stop", "abort"]), st.none() | flags),
)


@given(evidences)
def test_every_evidence_gets_a_verdict_with_a_reason(evidence: Evidence) -> None:
    verdict = judge(evidence)
    assert isinstance(verdict.outcome, Outcome)
    assert verdict.reason.endswith(".")
    assert verdict.detail is None or "\n" not in verdict.detail


@given(evidences)
def test_success_has_a_good_row_of_its_own(evidence: Evidence) -> None:
    if judge(evidence).outcome is Outcome.SUCCESS:
        own = [row for row in evidence.rows or () if row.main_operation == evidence.operation]
        assert any(row.parsed_result == "Success" and not row.is_interrupted and not row.is_partial for row in own)


@given(evidences, st.none() | texts)
def test_failed_task_is_never_success(evidence: Evidence, message: str | None) -> None:
    failed = TaskSign("Failed", message, NOON, after(60))
    assert judge(evidence._replace(task=failed)).outcome in (Outcome.FATAL, Outcome.INTERRUPTED)


@given(evidences, st.integers(0, 3))
def test_error_notification_is_never_success(evidence: Evidence, place: int) -> None:
    notices = (*evidence.notices[:place], notice("Error"), *evidence.notices[place:])
    assert judge(evidence._replace(notices=notices)).outcome is not Outcome.SUCCESS


@given(evidences, st.sampled_from([row("Fatal"), row(is_interrupted=True), row(is_partial=True)]), st.integers(1, 9))
def test_own_row_that_is_not_good_is_never_success(evidence: Evidence, bad: RowSign, row_id: int) -> None:
    own = bad._replace(row_id=row_id, main_operation=evidence.operation)
    timed = evidence._replace(task=task(), is_task_lost=False)
    assert judge(timed._replace(rows=(own, *(evidence.rows or ())))).outcome is not Outcome.SUCCESS


@given(evidences)
def test_lost_task_without_times_is_never_success(evidence: Evidence) -> None:
    good = row(main_operation=evidence.operation)
    lost = evidence._replace(task=None, is_task_lost=True, rows=(good, *(evidence.rows or ())))
    assert judge(lost).outcome is not Outcome.SUCCESS


@given(metadatas, notice_lists, releases, st.none() | rows)
def test_last_run_is_never_success_without_a_good_row(
    known: MetadataSign | None, notices: list[NoticeSign], release: tuple[int, ...], newest: RowSign | None
) -> None:
    found = judge_last(known, tuple(notices), release=release, row=newest)
    if found.state is Outcome.SUCCESS:
        assert newest is not None
        assert (newest.parsed_result, newest.is_interrupted, newest.is_partial) == ("Success", False, False)
    assert judge_last(known, tuple(notices), release=release).state is not Outcome.SUCCESS
