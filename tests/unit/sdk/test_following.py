"""Following a run to its end, with every sign set by hand: an outcome is proven or it is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from duplicati_client import errors
from duplicati_client.outcome import Outcome
from duplicati_client.sdk.activity import Progress, ServerState, ServerTask
from duplicati_client.sdk.events import Event, Fallback, ProgressMade, StateChanged, TaskEnded
from duplicati_client.sdk.followed import Ended, Note
from tests.fakes import Reply, answer, html
from tests.unit.sdk.backup_server import NOON, BackupServer, Following, gone

RELEASES = ("2.0.8.1", "2.1.0.5", "2.2.0.3", "2.3.0.4", "2.3.1.0")
LATER = NOON + timedelta(minutes=5)
LOCKED = answer(400, {"Error": "in use", "Code": 400, "HelpId": "DatabaseLocked"})


@pytest.mark.parametrize("release", RELEASES)
def test_run_is_followed_to_its_own_row(release: str) -> None:
    server = BackupServer(release)
    server.add_row("Error", began_at=NOON - timedelta(days=1))
    following = Following(server)
    run = following.start()
    assert run.task_id == 7
    assert run.is_absorbed is False
    server.end(7)
    ended = following.follow(run)
    assert ended.verdict.outcome is Outcome.SUCCESS
    assert (ended.task_id, ended.row_id) == (7, 2)
    assert ended.finished_at - ended.started_at == timedelta(seconds=4.995)


@pytest.mark.parametrize(
    ("result", "outcome"), [("Warning", Outcome.WARNING), ("Error", Outcome.ERROR), ("Fatal", Outcome.FATAL)]
)
@pytest.mark.parametrize("release", RELEASES)
def test_completed_is_not_success(release: str, result: str, outcome: Outcome) -> None:
    server = BackupServer(release)
    following = Following(server)
    run = following.start()
    server.end(7, result=result)
    assert following.follow(run).verdict.outcome is outcome


@pytest.mark.parametrize("release", RELEASES)
def test_older_success_is_not_taken_for_a_run_that_left_no_row(release: str) -> None:
    server = BackupServer(release)
    server.add_row("Success", began_at=NOON - timedelta(hours=1))
    following = Following(server)
    run = following.start()
    server.end(7, result=None)
    ended = following.follow(run)
    assert ended.verdict.outcome is not Outcome.SUCCESS
    assert ended.row_id is None


def test_row_of_a_recreated_database_is_found_though_its_number_is_low() -> None:
    server = BackupServer()
    for day in range(9, 0, -1):
        server.add_row("Success", began_at=NOON - timedelta(days=day))
    following = Following(server)
    run = following.start()
    server.rows.clear()
    server.end(7, result="Warning")
    ended = following.follow(run)
    assert (ended.verdict.outcome, ended.row_id) == (Outcome.WARNING, 1)


def test_listing_rows_in_between_are_passed_over() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7, result="Warning")
    for _ in range(3):
        server.add_row("Success", began_at=LATER, operation="ListFilesets")
    ended = following.follow(run)
    assert (ended.verdict.outcome, ended.row_id) == (Outcome.WARNING, 1)


# --- the server is restarted --------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_restart_in_mid_run_is_told_and_the_outcome_unknown(release: str) -> None:
    server = BackupServer(release)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.restart()
        server.fail("serverstate", gone(), gone())
        raise gone()

    following = Following(server, events)
    ended = following.follow(following.start())
    assert ended.verdict.outcome is Outcome.UNKNOWN
    assert any("restarted" in note for note in following.notes)
    assert any("trying again" in note for note in following.notes)


@pytest.mark.parametrize("release", RELEASES)
def test_later_runs_success_is_not_taken_for_the_run_that_was_killed(release: str) -> None:
    server = BackupServer(release)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.restart()
        server.begin(2, at=LATER)
        server.end(2)
        raise gone()

    following = Following(server, events)
    ended = following.follow(following.start())
    assert ended.verdict.outcome is Outcome.UNKNOWN
    assert ended.row_id is None


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("event_id", [2, 500])
def test_same_number_for_another_run_of_the_same_backup_is_not_taken_for_it(release: str, event_id: int) -> None:
    server = BackupServer(release)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.restart()
        server.begin(7, at=LATER)
        server.end(7)
        server.event_id = event_id
        raise gone()

    following = Following(server, events)
    ended = following.follow(following.start())
    assert ended.verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("release", RELEASES)
def test_restart_that_was_not_seen_as_an_absence_is_noticed_by_the_counter(release: str) -> None:
    server = BackupServer(release)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.restart()
        server.begin(7, at=LATER)
        yield StateChanged(ServerState.read({"LastEventID": 2, "ActiveTask": {"Item1": 7, "Item2": "3"}}))

    following = Following(server, events)
    run = following.start()
    server.before = lambda request: None
    ended = following.follow(run)
    assert ended.verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("release", RELEASES)
def test_number_is_not_believed_before_the_state_of_a_server_that_was_away_is_known(release: str) -> None:
    server = BackupServer(release)

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.restart()
        server.tasks[7] = {"Status": "Completed", "started": LATER, "finished": LATER, "error": None}
        server.fail("serverstate", gone(), gone())
        raise gone()

    following = Following(server, events)
    ended = following.follow(following.start())
    assert ended.is_lost
    assert ended.verdict.outcome is Outcome.UNKNOWN


def test_number_that_a_waiting_task_of_another_backup_has_now_is_not_followed() -> None:
    server = BackupServer("2.3.1.0")

    def events(_: BackupServer) -> Iterator[Event | None]:
        server.restart()
        server.tasks[7] = {"Status": "Waiting", "started": None, "finished": None, "error": None}
        server.event_id = 500
        state = {"LastEventID": 500, "SchedulerQueueIds": [{"Item1": 7, "Item2": "9"}]}
        yield StateChanged(ServerState.read(state))

    following = Following(server, events)
    run = following.start()
    server.tasks[7] |= {"Status": "Waiting", "started": None}
    assert following.follow(run).verdict.outcome is Outcome.UNKNOWN


def test_row_that_fits_the_start_of_a_lost_task_is_its_outcome() -> None:
    """The server wrote the row and was then restarted before anybody asked."""
    server = BackupServer()

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield None
        server.end(7, result="Warning")
        server.restart()
        raise gone()

    following = Following(server, events)
    ended = following.follow(following.start())
    assert (ended.verdict.outcome, ended.row_id) == (Outcome.WARNING, 1)


def test_task_that_is_unknown_for_a_moment_is_not_lost() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.fail("task/7", answer(404, {"Error": "No such task found"}), answer(404, {"Error": "No such task found"}))
    server.end(7)
    assert following.follow(run).verdict.outcome is Outcome.SUCCESS


def test_start_that_moves_a_little_is_no_restart() -> None:
    """2.3.1.0 restart:35, 37."""
    server = BackupServer()

    def events(_: BackupServer) -> Iterator[Event | None]:
        server.tasks[7]["started"] += timedelta(milliseconds=400)
        server.end(7)
        yield TaskEnded(ServerTask.read({"ID": 7, "Status": "Completed"}))

    following = Following(server, events)
    assert following.follow(following.start()).verdict.outcome is Outcome.SUCCESS


def test_pushed_state_that_was_overtaken_is_no_restart() -> None:
    server = BackupServer()

    def events(_: BackupServer) -> Iterator[Event | None]:
        active = {"ActiveTask": {"Item1": 7, "Item2": "3"}}
        yield StateChanged(ServerState.read({"LastEventID": 1, **active}))
        server.end(7)
        yield TaskEnded(ServerTask.read({"ID": 7, "Status": "Completed"}))

    following = Following(server, events)
    assert following.follow(following.start()).verdict.outcome is Outcome.SUCCESS


# --- trouble on the way -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [gone(kind=errors.ConnectionLost), gone(kind=errors.DeadlineExceeded), answer(502), answer(503),
     answer(500, {"Error": "An error occurred"})],
)  # fmt: skip
@pytest.mark.parametrize(
    "path", ["task/7", "serverstate", "notifications", "backup/3", "backup/3/log", "progressstate"]
)
def test_passing_trouble_at_any_question_costs_nothing(path: str, trouble: Reply) -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7)
    server.fail(path, trouble, trouble)
    if path == "serverstate":
        server.fail("task/7", gone(kind=errors.ConnectionLost))
    assert following.follow(run).verdict.outcome is Outcome.SUCCESS


def test_server_that_stays_away_is_given_up_after_ten_minutes() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.before = lambda request: (_ for _ in ()).throw(gone())
    started_at = following.clock.now
    with pytest.raises(errors.ConnectionRefused):
        list(following.runs.follow(run))
    assert 600 <= following.clock.now - started_at < 700


def test_page_that_stays_in_the_place_of_the_server_is_told_before_long() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.fail("task/7", *[html(200)] * 1000)
    started_at = following.clock.now
    with pytest.raises(errors.NotDuplicati):
        list(following.runs.follow(run))
    assert following.clock.now - started_at < 60


def test_refused_certificate_is_not_sat_out() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.fail("task/7", gone(kind=errors.CertificateRefused))
    with pytest.raises(errors.CertificateRefused):
        list(following.runs.follow(run))
    assert following.clock.slept == []


def test_ended_session_is_not_sat_out() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.fail("task/7", answer(401))
    with pytest.raises(errors.SessionEnded):
        list(following.runs.follow(run))


def test_locked_log_is_waited_for_and_told_once() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7)
    server.fail("backup/3/log", *[LOCKED] * 5)
    assert following.follow(run).verdict.outcome is Outcome.SUCCESS
    assert len([note for note in following.notes if "log is in use" in note]) == 1
    assert following.clock.slept == [1.0] * 5


@pytest.mark.parametrize("release", ["2.2.0.3", "2.3.0.4", "2.3.1.0"])
def test_row_that_comes_a_moment_after_the_end_of_its_task_is_waited_for(release: str) -> None:
    server = BackupServer(release)
    following = Following(server)
    run = following.start()
    server.end(7)
    server.fail("backup/3/log", answer(200, []), answer(200, []))
    assert following.follow(run).verdict.outcome is Outcome.SUCCESS
    assert sum(following.clock.slept) < 2


@pytest.mark.parametrize("release", ["2.0.8.1", "2.1.0.5"])
def test_row_of_the_run_right_after_it_is_not_waited_for_where_no_times_tell_them_apart(release: str) -> None:
    server = BackupServer(release)
    following = Following(server)
    run = following.start()
    server.end(7)
    server.fail("backup/3/log", answer(200, []))
    assert following.follow(run).verdict.outcome is Outcome.UNKNOWN


def test_log_that_stays_unreadable_makes_no_success() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7)
    server.fail("backup/3/log", *[LOCKED] * 5000)
    assert following.follow(run).verdict.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("release", RELEASES)
def test_rows_of_a_log_that_was_locked_at_the_start_are_told_apart_by_time_or_not_believed(release: str) -> None:
    server = BackupServer(release)
    server.add_row("Success", began_at=NOON - timedelta(hours=1))
    server.fail("backup/3/log", LOCKED)
    following = Following(server)
    run = following.start()
    server.end(7, result=None)
    assert following.follow(run).verdict.outcome is not Outcome.SUCCESS


def test_backup_deleted_meanwhile_makes_no_failure_of_the_client() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7)
    missing = answer(404, {"Error": "Backup not found", "Code": 404})
    server.fail("backup/3", missing)
    server.fail("backup/3/log", missing)
    assert following.follow(run).verdict.outcome is Outcome.UNKNOWN


def test_backup_deleted_before_the_run_is_told() -> None:
    server = BackupServer()
    server.fail("backup/3", answer(404, {"Error": "Backup not found", "Code": 404}))
    with pytest.raises(errors.BackupNotFound):
        Following(server).start()
    assert server.runs_count == 0


# --- what is told on the way --------------------------------------------------------------------------------


def progress(task_id: int, backup_id: str | None = "3", phase: str = "Backup_ProcessingFiles") -> ProgressMade:
    return ProgressMade(Progress.read({"TaskID": task_id, "BackupID": backup_id, "Phase": phase}))


def test_only_the_own_tasks_progress_is_told() -> None:
    server = BackupServer()

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield progress(6)
        yield progress(7, "9")
        yield progress(7)
        yield Fallback("a better way is closed")
        server.end(7)
        yield TaskEnded(ServerTask.read({"ID": 6, "Status": "Completed"}))
        yield TaskEnded(ServerTask.read({"ID": 7, "Status": "Completed"}))

    following = Following(server, events)
    following.follow(following.start())
    told = [item for item in following.items if isinstance(item, Progress)]
    assert [(item.task_id, item.backup_id) for item in told] == [(7, "3")]
    assert Note("a better way is closed", is_detail=True) in following.items


def test_end_is_found_at_once_by_its_event_and_else_within_seconds() -> None:
    server = BackupServer()

    def events(_: BackupServer) -> Iterator[Event | None]:
        server.end(7)
        yield None

    following = Following(server, events)
    run = following.start()
    started_at = following.clock.now
    following.follow(run)
    assert following.clock.now - started_at <= 6


def test_end_before_the_first_event_is_seen_by_the_state_alone() -> None:
    """The end of a task is told once, and not again to who comes late."""
    server = BackupServer()

    def events(_: BackupServer) -> Iterator[Event | None]:
        server.end(7)
        yield StateChanged(ServerState.read({"LastEventID": 20}))

    following = Following(server, events)
    following.follow(following.start())
    assert following.clock.slept == []


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_pause_is_told_because_the_run_will_not_go_on(moment: str) -> None:
    server = BackupServer()
    server.is_paused = moment == "before"

    def events(_: BackupServer) -> Iterator[Event | None]:
        yield StateChanged(ServerState.read({"LastEventID": 20, "ProgramState": "Paused"}))
        yield StateChanged(ServerState.read({"LastEventID": 21, "ProgramState": "Paused"}))
        server.end(7)
        yield TaskEnded(ServerTask.read({"ID": 7, "Status": "Completed"}))

    following = Following(server, events)
    following.follow(following.start())
    assert len([note for note in following.notes if "paused" in note]) == 1


def test_dry_run_is_no_success() -> None:
    server = BackupServer("2.3.1.0")
    server.settings = [{"Name": "--dry-run", "Value": "true"}]
    following = Following(server)
    run = following.start()
    server.end(7, result=None)
    assert following.follow(run).verdict.outcome is Outcome.UNKNOWN


def test_phase_of_another_tasks_progress_is_no_sign() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7)
    server.progress = {"TaskID": 8, "BackupID": "3", "Phase": "Error"}
    assert following.follow(run).verdict.outcome is Outcome.SUCCESS


def test_nothing_is_yielded_after_the_end() -> None:
    server = BackupServer()
    following = Following(server)
    run = following.start()
    server.end(7)
    following.follow(run)
    assert [isinstance(item, Ended) for item in following.items].count(True) == 1
