"""Every operation that a real server was recorded doing, judged as a client could have judged it when it ended."""

from __future__ import annotations

import re

import pytest
from operations_recorded import Recorded, recorded_operations
from outcomes_expected import key_of, read_expectations
from outcomes_page import PAGE, page_with_table

from duplicati_client.outcome import Outcome, judge, judge_last
from recordings import RELEASES, read_release

OPERATIONS = {recorded.where: recorded for recorded in recorded_operations()}
EXPECTED = read_expectations()

BAD_NOTE = re.compile(
    r"missing|gone|fatal|error|abort|called off|damage|killed|wrong|not there|passphrase changed|without (a )?database"
    r"|extra remote|is a file|exits|link loop|run slow, third|pause in mid-run: nothing"
)
BAD_NOTE_BUT_GOOD = {
    "the run after the abort",  # follows the aborted one and is itself undisturbed
    "run after the kill",  # likewise, after a kill
    "killed one runs again",  # likewise; 2.1.0.5 warns all the same
    "run: good run before it is called off",  # named after the run that follows
    "verify a damaged destination",  # from 2.2 the verify takes samples that miss the damaged volume
}


@pytest.mark.parametrize("where", OPERATIONS)
def test_outcome_is_what_the_signs_can_honestly_tell(where: str) -> None:
    recorded = OPERATIONS[where]
    verdict = judge(recorded.evidence)
    expected = EXPECTED[key_of(recorded)]
    assert verdict.outcome == expected.outcome, f"{expected.what_happened}\n{verdict}\n{recorded.evidence}"


def test_table_and_recordings_name_the_same_operations() -> None:
    assert {key_of(recorded) for recorded in OPERATIONS.values()} == set(EXPECTED)
    assert len(OPERATIONS) == len(EXPECTED) == 359


def test_every_accepted_request_in_the_recordings_is_judged() -> None:
    verbs = "run|start|restore|verify|repair|compact|vacuum|createreport|report-remote-size|repairupdate"
    path = re.compile(rf"/api/v1/backup/[^/]+/({verbs})(\?.*)?")
    accepted = {
        entry.where
        for release in RELEASES
        for entry in read_release(release)
        if entry.method == "POST" and path.fullmatch(entry.path) and entry.status == 200
    }
    assert accepted == set(OPERATIONS)


def test_nothing_that_went_wrong_is_called_success() -> None:
    succeeded = [where for where, recorded in OPERATIONS.items() if _is_success(recorded)]
    assert {EXPECTED[key_of(OPERATIONS[where])].mark for where in succeeded} == {"+"}
    assert len(succeeded) > 90


def test_no_operation_whose_note_tells_of_a_failure_is_called_success() -> None:
    called = [
        recorded.where
        for recorded in OPERATIONS.values()
        if BAD_NOTE.search(recorded.start.note)
        and recorded.start.note not in BAD_NOTE_BUT_GOOD
        and _is_success(recorded)
    ]
    assert called == []


def test_no_task_that_the_server_calls_failed_is_called_success() -> None:
    """Look at the recorded answers themselves, not at what was gathered from them."""
    failed = set()
    for release in RELEASES:
        for entry in read_release(release):
            if entry.path.startswith("/api/v1/task/") and (entry.answer or {}).get("Status") == "Failed":
                failed.add((entry.release, entry.file, entry.answer["ID"], entry.answer["TaskStarted"]))
    assert len(failed) > 40
    for recorded in OPERATIONS.values():
        for release, file, task_id, _ in failed:
            if (recorded.start.release, recorded.start.file, recorded.task_id) == (release, file, task_id):
                assert not _is_success(recorded), recorded.where


def test_unknown_is_said_only_where_no_row_of_the_operation_was_to_be_had() -> None:
    for recorded in OPERATIONS.values():
        own = [row for row in recorded.evidence.rows or () if row.main_operation == recorded.operation]
        if judge(recorded.evidence).outcome is Outcome.UNKNOWN:
            assert not own, recorded.where


def test_last_run_is_success_only_after_a_run_that_succeeded() -> None:
    """Give what a listing gives right after each run: metadata, notifications and the newest row."""
    seen = 0
    for recorded in OPERATIONS.values():
        evidence = recorded.evidence
        if recorded.operation != "Backup" or evidence.after is None or evidence.rows is None:
            continue
        row = next((row for row in evidence.rows if row.main_operation == "Backup"), None)
        last = judge_last(evidence.after, evidence.notices, release=evidence.release, row=row)
        blind = judge_last(evidence.after, evidence.notices, release=evidence.release)
        assert blind.state != "success", recorded.where
        if last.state == "success":
            seen += 1
            assert judge(evidence).outcome is Outcome.SUCCESS, (recorded.where, last)
    assert seen > 20


def test_last_run_tells_what_happened_wherever_its_row_is_there() -> None:
    tied = []
    for recorded in OPERATIONS.values():
        evidence = recorded.evidence
        row = next((row for row in evidence.rows or () if row.main_operation == "Backup"), None)
        if recorded.operation != "Backup" or evidence.after is None or row is None or row.is_dry_run:
            continue
        last = judge_last(evidence.after, evidence.notices, release=evidence.release, row=row)
        if evidence.after.error_at == row.ended_at.replace(microsecond=0) and row.parsed_result != "Fatal":
            assert last.state == "unknown", "a listing failed in the second of the run; which came first is not told"
            tied.append(recorded.where)
        else:
            assert last.state == judge(evidence).outcome, (recorded.where, last)
    assert {where.partition(":")[0] for where in tied} == {"2.1.0.5 run"}


def test_page_holds_the_table_that_the_generator_writes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with_table(page), "run: python tests/contract/outcomes_page.py"


def _is_success(recorded: Recorded) -> bool:
    return judge(recorded.evidence).outcome is Outcome.SUCCESS
