"""Verify, repair, compact and vacuum: started as tasks of their own, and believed no more than runs are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from duplicati_client import errors
from duplicati_client.http import Request
from duplicati_client.outcome import Outcome
from duplicati_client.sdk.activity import ServerState
from duplicati_client.sdk.events import Event, StateChanged
from duplicati_client.sdk.followed import StartedTask
from tests.fakes import answer
from tests.unit.sdk.backup_server import NOON, BackupServer, Following, gone, iso

RELEASES = ("2.0.8.1", "2.1.0.5", "2.2.0.3", "2.3.0.4", "2.3.1.0")
VERBS = {"verify": "Test", "repair": "Repair", "compact": "Compact", "vacuum": "Vacuum"}
MISSING = "Found 1 files that are missing from the remote storage, please run repair"


def start(following: Following, verb: str = "verify") -> StartedTask:
    starting: Callable[[str], StartedTask] = getattr(following.maintenance, verb)
    return starting("3")


def notice(
    message: str = MISSING, *, number: int = 5, at: datetime = NOON, exception: str = "Thrown"
) -> dict[str, object]:
    return {"ID": number, "Type": "Error", "Title": "Error", "Message": message, "Exception": exception,
            "BackupID": "3", "Timestamp": iso(at)}  # fmt: skip


def activity(server: BackupServer) -> StateChanged:
    pair = {"Item1": server.active[0], "Item2": server.active[1]} if server.active else None
    queue = [{"Item1": number, "Item2": backup_id} for number, backup_id in server.waiting]
    raw = {"ActiveTask": pair, "SchedulerQueueIds": queue, "LastEventID": server.event_id}
    return StateChanged(ServerState.read(raw))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("verb", "operation"), list(VERBS.items()))
def test_each_is_followed_to_its_own_row(release: str, verb: str, operation: str) -> None:
    server = BackupServer(release)
    server.add_row("Error", operation=operation, began_at=NOON - timedelta(days=1))
    following = Following(server)
    started = start(following, verb)
    assert (started.task_id, started.operation, started.is_absorbed) == (7, operation, False)
    server.end(7, operation=operation)
    ended = following.follow(started)
    assert (ended.verdict.outcome, ended.row_id) == (Outcome.SUCCESS, 2)
    assert following.transport.asked.count(f"POST api/v1/backup/3/{verb}") == 1


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("result", ["Warning", "Error", "Fatal"])
def test_completed_is_not_success(release: str, result: str) -> None:
    server = BackupServer(release)
    following = Following(server)
    started = start(following)
    server.end(7, result=result, operation="Test")
    assert following.follow(started).verdict.outcome == result.lower()


@pytest.mark.parametrize("release", RELEASES)
def test_row_of_a_run_is_not_taken_for_that_of_a_verify(release: str) -> None:
    server = BackupServer(release)
    following = Following(server)
    started = start(following)
    server.end(7, operation="Backup")
    assert following.follow(started).verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("release", ["2.0.8.1", "2.1.0.5"])
@pytest.mark.parametrize("verb", ["compact", "vacuum"])
def test_what_leaves_no_row_on_old_releases_is_unknown_and_says_why(release: str, verb: str) -> None:
    following = Following(server := BackupServer(release))
    started = start(following, verb)
    server.end(7, result=None)
    verdict = following.follow(started).verdict
    assert verdict.outcome is Outcome.UNKNOWN
    assert "leaves no result on this release" in verdict.reason


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("verb", VERBS)
def test_notification_as_the_only_trace_is_enough_for_a_failure(release: str, verb: str) -> None:
    server = BackupServer(release)
    following = Following(server)
    started = start(following, verb)
    server.end(7, result=None, status="Failed", error=MISSING)
    server.notices.append(notice())
    verdict = following.follow(started).verdict
    assert (verdict.outcome, verdict.detail) == (Outcome.FATAL, MISSING)


def test_row_after_a_repair_that_rebuilt_the_database_is_found_though_its_number_is_low() -> None:
    server = BackupServer("2.0.8.1")
    for day in range(9, 0, -1):
        server.add_row("Success", operation="Repair", began_at=NOON - timedelta(days=day))
    following = Following(server)
    started = start(following, "repair")
    server.rows.clear()
    server.end(7, operation="Repair")
    assert following.follow(started).row_id == 1


@pytest.mark.parametrize("release", RELEASES)
def test_second_verify_is_a_task_of_its_own(release: str) -> None:
    server = BackupServer(release)
    following = Following(server)
    first, second = start(following), start(following)
    assert (first.task_id, second.task_id, second.is_absorbed) == (7, 8, False)
    server.end(7, operation="Test")
    server.begin(8, at=NOON + timedelta(seconds=6))
    server.end(8, operation="Test")
    assert [following.follow(started).verdict.outcome for started in (first, second)] == [Outcome.SUCCESS] * 2


# --- behind a run of the same backup ------------------------------------------------------------------------


def fail_a_run(server: BackupServer, task_id: int) -> None:
    server.end(task_id, result="Fatal", status="Failed", error="disk full")
    server.notices.append(notice("disk full", at=NOON + timedelta(seconds=5)))
    server.metadata |= {"LastErrorDate": "20261124T120005Z", "LastErrorMessage": "disk full"}


@pytest.mark.parametrize("release", RELEASES)
def test_failure_of_the_run_before_it_is_not_its_own(release: str) -> None:
    server = BackupServer(release)
    server.begin(6)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield activity(server)
        fail_a_run(server, 6)
        server.begin(7, at=NOON + timedelta(seconds=5, milliseconds=100))
        yield activity(server)
        server.end(7, operation="Test")
        yield activity(server)

    following = Following(server, events)
    started = start(following)
    assert started.is_behind_own_backup is True
    ended = following.follow(started)
    assert (ended.verdict.outcome, ended.row_id) == (Outcome.SUCCESS, 2)


@pytest.mark.parametrize("release", RELEASES)
def test_failure_of_its_own_counts_though_a_run_before_it_failed_too(release: str) -> None:
    server = BackupServer(release)
    server.begin(6)

    def events(_: BackupServer) -> Iterator[Event | None]:
        fail_a_run(server, 6)
        server.begin(7, at=NOON + timedelta(seconds=5, milliseconds=100))
        yield activity(server)
        server.end(7, result=None, status="Failed", error=MISSING)
        server.notices[:] = [notice(at=NOON + timedelta(seconds=10))]
        yield activity(server)

    following = Following(server, events)
    ended = following.follow(start(following))
    assert (ended.verdict.outcome, ended.verdict.detail) == (Outcome.FATAL, MISSING)


@pytest.mark.parametrize("release", RELEASES)
def test_older_failure_is_told_by_its_time_where_the_begin_was_not_seen(release: str) -> None:
    server = BackupServer(release)
    server.begin(6)
    following = Following(server)
    started = start(following)
    fail_a_run(server, 6)
    server.begin(7, at=NOON + timedelta(seconds=5, milliseconds=100))
    server.end(7, operation="Test", took_seconds=1)
    assert following.follow(started).verdict.outcome is Outcome.SUCCESS


@pytest.mark.parametrize("release", RELEASES)
def test_failure_that_comes_while_older_ones_are_passed_over_is_its_own(release: str) -> None:
    server = BackupServer(release)
    server.begin(6)

    def fail_meanwhile(request: Request) -> None:
        if request.path.endswith("notifications") and server.active == (7, "3"):
            server.end(7, result=None, status="Failed", error=MISSING)
            server.notices.append(notice(at=NOON + timedelta(seconds=9)))

    def events(_: BackupServer) -> Iterator[Event | None]:
        server.end(6)
        server.begin(7, at=NOON + timedelta(seconds=5))
        server.before = fail_meanwhile
        yield activity(server)

    following = Following(server, events)
    assert following.follow(start(following)).verdict.outcome is Outcome.FATAL


def test_what_cannot_be_told_apart_is_never_called_a_success() -> None:
    server = BackupServer("2.0.8.1")
    server.begin(6)
    following = Following(server)
    started = start(following)
    fail_a_run(server, 6)
    server.begin(7, at=NOON + timedelta(seconds=5, milliseconds=100))
    server.end(7, operation="Test", took_seconds=0.5)
    assert following.follow(started).verdict.outcome is Outcome.ERROR


# --- trouble ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_restart_in_the_middle_of_a_verify_leaves_it_unknown(release: str) -> None:
    server = BackupServer(release)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.restart()
        server.begin(7, at=NOON + timedelta(minutes=5))
        server.end(7, operation="Test")
        raise gone()

    following = Following(server, events)
    ended = following.follow(start(following))
    assert (ended.verdict.outcome, ended.row_id) == (Outcome.UNKNOWN, None)


def test_answer_without_a_number_is_followed_by_the_queue() -> None:
    server = BackupServer()
    following = Following(server)
    server.fail("backup/3/verify", answer(200, {"Status": "OK"}))
    started = start(following)
    assert started.task_id is None
    server.add_row("Success", operation="Test", began_at=NOON)
    assert following.follow(started).verdict.outcome is Outcome.SUCCESS


def test_task_that_the_server_does_not_take_is_a_failure() -> None:
    server = BackupServer()
    server.fail("backup/3/repair", answer(200, {"Status": "Error"}))
    with pytest.raises(errors.ServerFailed):
        start(Following(server), "repair")


def test_backup_that_is_not_there_is_asked_nothing() -> None:
    server = BackupServer()
    server.fail("backup/3", answer(404, {"Error": "Backup not found", "Code": 404}))
    following = Following(server)
    with pytest.raises(errors.BackupNotFound):
        start(following)
    assert not any(asked.startswith("POST") for asked in following.transport.asked)
