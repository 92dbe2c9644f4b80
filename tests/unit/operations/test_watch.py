"""Watching a server: what is told of its queue, its runs, its absences and restarts, and what it is asked for that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.operations import watch
from duplicati_client.operations.view import Absence, Change, EndedTask, View
from duplicati_client.sdk.activity import Progress, ServerState, ServerTask
from duplicati_client.sdk.events import Event, Fallback, ProgressMade, StateChanged, TaskEnded
from tests.fakes import Clock
from tests.unit.operations.one_server import server_of

# 2027-01-15 08:00:00 UTC, as the clock of the fakes has it.
BEGAN, LATER = "20270115T080001Z", "20270115T080005Z"
QUEUED_1 = {"Item1": 7, "Item2": "1"}
QUEUED_2 = {"Item1": 8, "Item2": "2"}


class Server:
    """A server whose state a test changes; what happens is given to the watcher as events."""

    def __init__(self, *, release: str = "2.3.1.0") -> None:
        self.clock = Clock()
        self.state: dict[str, Any] = {"ProgramState": "Running", "LastEventID": 10, "LastDataUpdateID": 1}
        self.backups = [listed("1", "Documents"), listed("2", "Photos")]
        self.tasks: list[dict[str, Any]] = []
        self.ended: dict[str, Any] = {}
        self.notifications: list[dict[str, Any]] = []
        self.log: list[dict[str, Any]] = []
        self.failure: errors.DuplicatiClientError | None = None
        self.comes_late: Callable[[], None] | None = None
        answers = {
            "systeminfo": lambda _: {"ServerVersion": release, "ServerTime": "2027-01-15T08:05:00+00:00"},
            "serverstate": lambda _: self.failure or self.state,
            "backups": lambda _: self.list_backups(),
            "notifications": lambda _: self.notifications,
            "tasks": lambda _: self.tasks,
            "task/7": lambda _: self.ended.get("7", errors.TaskForgotten("no such task")),
            "backup/1/log": lambda _: self.log,
            "backup/2/log": lambda _: self.log,
        }
        self.server, self.transport = server_of(answers, release=release)

    def list_backups(self) -> list[dict[str, Any]]:
        """What comes late is there once somebody has slept."""
        if self.comes_late is not None and self.clock.slept:
            self.comes_late, appear = None, self.comes_late
            appear()
        return self.backups

    def change(self, **members: Any) -> StateChanged:
        self.state = {**self.state, "LastEventID": self.state["LastEventID"] + 1, **members}
        return StateChanged(ServerState.read(self.state))

    def finish(
        self, backup_id: str, name: str, result: str = "Success", began: str = BEGAN, ended: str = LATER
    ) -> None:
        """Leave what a run leaves: metadata, and a row of the log."""
        metadata = {"LastBackupStarted": began, "LastBackupFinished": ended, "LastBackupDuration": "00:00:04"}
        self.backups = [
            one if one["Backup"]["ID"] != backup_id else listed(backup_id, name, **metadata) for one in self.backups
        ]
        times = {"BeginTime": "2027-01-15T08:00:01Z", "EndTime": "2027-01-15T08:00:05Z"}
        message = json.dumps({"MainOperation": "Backup", "ParsedResult": result, **times})
        self.log = [{"ID": 5, "Timestamp": 1800000005, "Type": "Result", "Message": message}]
        self.state = {**self.state, "LastDataUpdateID": self.state["LastDataUpdateID"] + 1}

    def watch(self, *steps: Callable[[], Event | None], is_patient: bool = False) -> Iterator[Change | None]:
        """Watch while the steps happen one after the other, and no longer; an error that a step raises is heard."""
        script = iter(steps)

        def listen(_: object) -> Iterator[Event | None]:
            for step in script:
                yield step()
            raise Over

        return watch.follow(self.server, is_patient=is_patient, listen=listen, clock=self.clock, sleep=self.clock.sleep)

    def hear(self, *steps: Callable[[], Event | None], **options: Any) -> list[Change]:
        """Return all changes until the steps are over."""
        heard = []
        with suppress(Over):
            for change in self.watch(*steps, **options):
                heard += [change] if change is not None else []
        return heard


class Over(Exception):
    """The test's steps are over."""


def listed(backup_id: str, name: str, **metadata: str) -> dict[str, Any]:
    return {"Backup": {"ID": backup_id, "Name": name, "Metadata": metadata}}


@pytest.fixture
def server() -> Server:
    return Server()


def told(changes: list[Change]) -> list[str]:
    return [change.event for change in changes]


def details(changes: list[Change], event: str) -> list[Any]:
    return [change.detail for change in changes if change.event == event]


def running(server: Server, *waiting: dict[str, str]) -> StateChanged:
    server.tasks = [{"TaskID": 7, "Operation": "Backup", "TaskStarted": "2027-01-15T08:00:01Z"}]
    return server.change(ActiveTask=QUEUED_1, SchedulerQueueIds=list(waiting))


def idle(server: Server) -> StateChanged:
    server.tasks = []
    return server.change(ActiveTask=None, SchedulerQueueIds=[])


def progress(**members: Any) -> ProgressMade:
    raw = {"TaskID": 7, "BackupID": "1", "Phase": "Backup_ProcessingFiles", "TotalFileSize": 1000}
    return ProgressMade(Progress.read({**raw, **members}))


def ended(status: str = "Completed") -> TaskEnded:
    raw = {"TaskID": 7, "Status": status, "BackupID": "1", "TaskStarted": "2027-01-15T08:00:01Z"}
    return TaskEnded(ServerTask.read(raw))


def test_the_state_is_told_first_with_names_runs_and_what_comes_next(server: Server) -> None:
    server.finish("1", "Documents")
    server.state["ProposedSchedule"] = [{"Item1": "2", "Item2": "2027-01-16T03:00:00Z"}]
    running(server, QUEUED_2)
    (change,) = server.hear()
    view = change.view
    assert view.running is not None
    assert (view.running.backup_name, view.running.operation) == ("Documents", "Backup")
    assert [(item.task_id, item.backup_name) for item in view.waiting] == [(8, "Photos")]
    assert [(run.name, run.outcome) for run in view.last_runs] == [("Documents", "success")]
    assert [run.backup_name for run in view.next_runs] == ["Photos"]
    assert (view.version, view.clock_offset_seconds) == ("2.3.1.0", 300.0)


def test_nothing_is_told_while_nothing_changes(server: Server) -> None:
    same = lambda: StateChanged(ServerState.read({**server.state, "LastEventID": 11}))  # noqa: E731
    assert told(server.hear(same, lambda: None, same)) == ["state"]
    server.transport.requests.clear()
    server.hear(same, same, same)
    assert len(server.transport.asked) == 4  # those of the beginning


def test_progress_is_told_of_the_task_that_runs_and_of_no_other(server: Server) -> None:
    running(server)
    heard = server.hear(
        lambda: progress(ProcessedFileSize=100), lambda: progress(TaskID=6), lambda: progress(ProcessedFileSize=100)
    )
    assert told(heard) == ["state", "progress"]


def test_time_left_is_reckoned_from_what_was_done_since_it_was_first_seen(server: Server) -> None:
    running(server)

    def later() -> Event:
        server.clock.now += 10
        return progress(ProcessedFileSize=400)

    (_, first), (_, second) = [
        (c.event, c.detail) for c in server.hear(lambda: progress(ProcessedFileSize=200), later)[1:]
    ]
    assert (first.left_seconds, second.left_seconds) == (None, 30.0)


@pytest.mark.parametrize("members", [{"StillCounting": True}, {"Phase": "Backup_WaitForUpload"}, {"TotalFileSize": 0}])
def test_no_time_left_is_told_where_nothing_says_how_much_is_to_come(server: Server, members: dict[str, Any]) -> None:
    running(server)

    def later() -> Event:
        server.clock.now += 10
        return progress(ProcessedFileSize=400, **members)

    heard = server.hear(lambda: progress(ProcessedFileSize=200, **members), later)
    assert [running.left_seconds for running in details(heard, "progress")] == [None, None]


def test_end_of_a_run_is_told_once_with_its_outcome_before_the_queue_is_shown_empty(server: Server) -> None:
    running(server)

    def end() -> Event:
        server.finish("1", "Documents", "Warning")
        return ended()

    heard = server.hear(end, lambda: idle(server), ended)
    assert told(heard) == ["state", "ended", "state"]
    (found,) = details(heard, "ended")
    assert (found.task_id, found.backup_name, found.outcome) == (7, "Documents", "warning")
    assert heard[-1].view.is_idle


def test_end_that_no_event_told_is_found_when_the_task_has_left_the_queue(server: Server) -> None:
    running(server)

    def leave() -> Event:
        server.finish("1", "Documents")
        server.ended["7"] = {"TaskID": 7, "Status": "Completed", "BackupID": "1"}
        return idle(server)

    heard = server.hear(leave)
    assert told(heard) == ["state", "ended", "state"]
    assert details(heard, "ended")[0].outcome == "success"


def test_run_that_was_over_between_two_looks_is_told_by_what_it_left(server: Server) -> None:
    def appear() -> Event:
        server.clock.now += 60
        server.finish("2", "Photos")
        return StateChanged(ServerState.read(server.state))

    (found,) = details(server.hear(appear), "ended")
    assert (found.task_id, found.backup_name, found.outcome) == (None, "Photos", "success")


def test_run_that_left_nothing_does_not_get_the_outcome_of_the_one_before(server: Server) -> None:
    server.finish("1", "Documents", began="20270114T080001Z", ended="20270114T080005Z")
    server.log[0]["Message"] = server.log[0]["Message"].replace("2027-01-15", "2027-01-14")
    running(server)
    (found,) = details(server.hear(ended), "ended")
    assert (found.outcome, found.reason) == ("unknown", "The server calls it completed.")


def test_run_is_judged_by_what_it_leaves_a_moment_after_its_task_is_over(server: Server) -> None:
    running(server)
    server.comes_late = lambda: server.finish("1", "Documents")
    (found,) = details(server.hear(ended), "ended")
    assert found.outcome == "success"


@pytest.mark.parametrize(("finished", "outcome"), [("20270115T080500Z", "success"), ("20270115T080457Z", "unknown")])
def test_run_without_times_that_left_its_traces_just_before_the_first_look_is_told_as_it_went(
    finished: str, outcome: str
) -> None:
    server = Server(release="2.1.0.5")
    server.finish("1", "Documents", began="20270115T080001Z", ended=finished)
    message = json.loads(server.log[0]["Message"]) | {"EndTime": f"2027-01-15T08:0{finished[12]}:{finished[13:15]}Z"}
    server.log[0]["Message"] = json.dumps(message)
    server.tasks = [{"TaskID": 7, "Operation": "Backup"}]
    server.change(ActiveTask=QUEUED_1)
    over = TaskEnded(ServerTask.read({"Status": "Completed", "ID": 7}))
    heard = server.hear(lambda: over)
    assert [found.outcome for found in details(heard, "ended")] == [outcome]


def test_task_that_is_no_run_is_judged_by_its_own_row(server: Server) -> None:
    running(server)
    server.tasks[0]["Operation"] = "Verify"
    message = {"MainOperation": "Test", "ParsedResult": "Success", "BeginTime": "2027-01-15T08:00:02Z"}
    server.log = [{"ID": 5, "Timestamp": 1800000005, "Type": "Result", "Message": json.dumps(message)}]
    (found,) = details(server.hear(ended), "ended")
    assert (found.operation, found.outcome) == ("Verify", "success")


def test_new_notifications_are_told_and_those_of_before_are_not(server: Server) -> None:
    notice = {"ID": 3, "Type": "Warning", "Title": "old", "Message": "", "Timestamp": "2027-01-15T08:00:00Z"}
    server.notifications = [notice]

    def add() -> Event:
        server.clock.now += 60
        server.notifications = [notice, {**notice, "ID": 4, "Title": "new", "Message": "ftp://u:p@h/x"}]
        return server.change(LastNotificationUpdateID=2)

    heard = server.hear(add)
    assert [found.title for found in details(heard, "notification")] == ["new"]
    assert "u:p" not in str(heard)
    assert heard[-1].view.notifications_count == 2


def test_a_busy_server_is_asked_for_its_data_now_and_then_only(server: Server) -> None:
    def change() -> Event:
        server.clock.now += 1
        return server.change(LastDataUpdateID=server.state["LastDataUpdateID"] + 1)

    server.hear(*[change] * 60)
    assert server.transport.asked.count("GET api/v1/backups") == 5


def away(server: Server, failure: errors.DuplicatiClientError | None) -> Callable[[], Event | None]:
    def fail() -> None:
        server.failure = failure
        raise failure or Over

    return fail


def test_absence_is_told_with_its_beginning_and_waited_out(server: Server) -> None:
    items = server.watch(away(server, errors.ConnectionRefused("nothing answers")))
    changes: list[Change] = []
    while len(changes) < 2 or server.clock.now < 1_800_000_060:
        changes += filter(None, [next(items)])
    server.failure = None
    while told(changes)[-2:] != ["back", "state"]:
        changes += filter(None, [next(items)])
    gone, back = details(changes, "away") + details(changes, "back")
    assert isinstance(gone, Absence)
    assert (gone.reason, gone.away_seconds) == ("nothing answers", None)
    assert (back.since_at, back.is_restarted, back.away_seconds) == (
        gone.since_at,
        False,
        server.clock.now - 1_800_000_000,
    )
    assert told(changes) == ["state", "away", "back", "state"]
    assert changes[1].view.away_since_at == gone.since_at
    assert changes[-1].view.away_since_at is None
    assert server.transport.asked.count("GET api/v1/serverstate") < 20


@pytest.mark.parametrize(
    "failure", [errors.NotDuplicati("a proxy's page"), errors.Busy("not now"), errors.ServerFailed("oops")]
)
def test_what_may_pass_is_an_absence_too(server: Server, failure: errors.DuplicatiClientError) -> None:
    items = server.watch(away(server, failure))
    assert [change.event for change in [next(items), next(items)] if change] == ["state", "away"]


@pytest.mark.parametrize("failure", [errors.LoginRefused("no"), errors.CertificateRefused("no")])
def test_what_only_somebody_can_mend_is_raised(server: Server, failure: errors.DuplicatiClientError) -> None:
    items = server.watch(away(server, failure))
    next(items)
    with pytest.raises(type(failure)):
        next(items)


def test_absence_at_the_start_is_raised_unless_patience_is_wanted(server: Server) -> None:
    server.failure = errors.ConnectionRefused("nothing answers")
    with pytest.raises(errors.ConnectionRefused):
        next(server.watch())
    first = next(server.watch(is_patient=True))
    assert first is not None
    assert first.event == "away"


def test_restart_in_mid_run_is_told_and_the_run_does_not_count_as_done(server: Server) -> None:
    running(server)

    def restart() -> Event:
        server.tasks = []
        server.state = {"ProgramState": "Running", "LastEventID": 2, "LastDataUpdateID": 0}
        raise errors.ConnectionLost("cut")

    items = server.watch(restart)
    changes: list[Change] = []
    while told(changes)[-1:] != ["ended"]:
        changes += filter(None, [next(items)])
    assert told(changes) == ["state", "away", "back", "ended"]
    back, lost = changes[2].detail, changes[3].detail
    assert isinstance(back, Absence)
    assert back.is_restarted
    assert isinstance(lost, EndedTask)
    assert (lost.backup_name, lost.outcome, lost.reason) == (
        "Documents",
        "unknown",
        "The server was restarted while it ran.",
    )


def test_run_that_ended_while_nobody_could_look_is_told_afterwards(server: Server) -> None:
    running(server)

    def miss() -> Event:
        server.finish("1", "Documents", "Error")
        server.ended["7"] = {"TaskID": 7, "Status": "Completed", "BackupID": "1"}
        idle(server)
        raise errors.ConnectionLost("cut")

    items = server.watch(miss)
    changes: list[Change] = []
    while told(changes)[-1:] != ["ended"]:
        changes += filter(None, [next(items)])
    assert told(changes) == ["state", "away", "back", "ended"]
    assert changes[-1].detail is not None
    assert details(changes, "ended")[0].outcome == "error"


def test_pause_is_told_with_its_end(server: Server) -> None:
    heard = server.hear(lambda: server.change(ProgramState="Paused", EstimatedPauseEnd="2027-01-15T09:00:00Z"))
    assert told(heard) == ["state", "state"]
    assert heard[-1].view.is_paused
    assert heard[-1].view.pause_ends_at is not None


def test_a_worse_way_to_hear_is_noted(server: Server) -> None:
    assert details(server.hear(lambda: Fallback("no live connection")), "note") == ["no live connection"]


def test_what_is_known_stays_bounded_whatever_a_server_has(server: Server) -> None:
    server.backups = [listed(str(number), f"b{number}", LastErrorDate=BEGAN) for number in range(1, 60)]
    server.notifications = [{"ID": number, "Type": "Error"} for number in range(1, 500)]
    view: View = server.hear()[-1].view
    assert len(view.last_runs) == watch.LAST_RUNS_COUNT
    assert (len(view.notifications), view.notifications_count) == (watch.NOTIFICATIONS_COUNT, 499)
    assert view.notifications[0].notification_id == 499


def test_run_that_was_over_before_the_restart_is_told_once_as_it_went(server: Server) -> None:
    running(server)

    def restart() -> Event:
        server.finish("1", "Documents")
        server.tasks = []
        server.state = {"ProgramState": "Running", "LastEventID": 2, "LastDataUpdateID": 0}
        raise errors.ConnectionLost("cut")

    items = server.watch(restart)
    changes: list[Change] = []
    while len(changes) < 2 or changes[-1].event != "state":
        changes += filter(None, [next(items)])
    assert [found.outcome for found in details(changes, "ended")] == ["success"]
