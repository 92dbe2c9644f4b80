"""Stopping and aborting: which task is meant, and what can be promised."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from duplicati_client import errors
from duplicati_client.http import Request
from duplicati_client.operations import stop
from duplicati_client.sdk.client import Duplicati
from tests.fakes import Clock, FakeTransport, answer
from tests.unit.operations.one_server import listed, server_of


def busy(
    *,
    active: tuple[int, str | None] | None = (7, "1"),
    waiting: tuple[tuple[int, str], ...] = ((8, "2"),),
    **answers: object,
) -> tuple[Duplicati, FakeTransport]:
    state = {
        "ActiveTask": {"Item1": active[0], "Item2": active[1]} if active else None,
        "SchedulerQueueIds": [{"Item1": number, "Item2": backup_id} for number, backup_id in waiting],
    }
    tasks = {f"task/{number}": {"ID": number, "Status": "Running"} for number in (2, 7)}
    unknown = {f"task/{number}": answer(404, {"Error": "No such task found"}) for number in (3, 9, 99)}
    verbs = {f"task/{number}/{verb}": answer(200) for number in (2, 7) for verb in ("stop", "abort")}
    known = {"serverstate": state, "backups": listed("Documents", "Photos", "9"), "progressstate": answer(404)}
    return server_of({**known, **tasks, **unknown, **verbs, **answers})


def ends(*statuses: str) -> Callable[[Request], object]:
    """Answer `task/{id}` with these words in order, the last one for ever."""
    rest = list(statuses)
    return lambda _: {"ID": 7, "Status": rest.pop(0) if len(rest) > 1 else rest[0]}


def briefly() -> stop.Watching:
    return stop.Watching(sleep=Clock().sleep)


@pytest.mark.parametrize(
    "target",
    [
        stop.Target(),
        stop.Target("7"),
        stop.Target("7", "task"),
        stop.Target("1"),
        stop.Target("1", "backup"),
        stop.Target("Documents"),
        stop.Target("docu*", "backup"),
    ],
)
def test_running_task_is_meant_by_nothing_its_number_or_its_backup(target: stop.Target) -> None:
    server, transport = busy()
    asked = stop.stop(server, target, briefly())
    assert (asked.task_id, asked.verb, asked.status, asked.has_ended) == (7, "stop", "Running", False)
    assert (asked.backup_id, asked.backup_name) == ("1", "Documents")
    assert "POST api/v1/task/7/stop" in transport.asked


def test_abort_has_its_own_verb() -> None:
    server, transport = busy(**{"task/7": ends("Running", "Failed")})
    asked = stop.abort(server, stop.Target("7"), briefly())
    assert (asked.verb, asked.has_ended, asked.status, asked.phase) == ("abort", True, "Failed", None)
    assert "POST api/v1/task/7/abort" in transport.asked


def test_task_is_watched_until_it_ends_and_no_longer_than_told() -> None:
    server, transport = busy()
    stop.stop(server, watching=briefly())
    assert transport.asked.count("GET api/v1/task/7") == 9
    server, transport = busy()
    stop.stop(server, watching=stop.Watching(seconds=0))
    assert transport.asked.count("GET api/v1/task/7") == 1


@pytest.mark.parametrize(
    ("progress", "is_too_late"),
    [
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 1, "TotalFileSize": 9}, False),
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 9, "TotalFileSize": 9, "StillCounting": True}, False),
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 9, "TotalFileSize": 9}, True),
        ({"Phase": "Backup_WaitForUpload"}, True),
        ({"Phase": "Backup_PreBackupVerify"}, False),
        ({"Phase": "Verify_Running"}, False),
    ],
)
def test_stop_after_the_last_file_was_read_is_told_to_change_nothing(progress: dict, is_too_late: bool) -> None:
    """2.3.0.4 control-late-stop:64."""
    server, _ = busy(progressstate={"TaskID": 7, **progress})
    asked = stop.stop(server, watching=briefly())
    assert (asked.is_too_late, asked.phase) == (is_too_late, progress["Phase"])
    assert not stop.abort(server, watching=briefly()).is_too_late


def test_progress_of_another_task_says_nothing_of_this_one() -> None:
    server, _ = busy(progressstate={"TaskID": 6, "Phase": "Backup_Complete"})
    asked = stop.stop(server, watching=briefly())
    assert (asked.phase, asked.is_too_late) == (None, False)


def test_number_that_means_a_task_and_the_backup_of_another_has_to_be_told_apart() -> None:
    server, transport = busy(active=(2, "1"), waiting=((8, "2"),))
    with pytest.raises(errors.AmbiguousName, match="backup that runs as task 8"):
        stop.stop(server, stop.Target("2"), briefly())
    assert not any(line.startswith("POST") for line in transport.asked)
    assert stop.stop(server, stop.Target("2", "task"), briefly()).task_id == 2
    with pytest.raises(errors.Busy, match="task 8"):
        stop.stop(server, stop.Target("2", "backup"), briefly())


@pytest.mark.parametrize(
    "target", [stop.Target("8"), stop.Target("8", "task"), stop.Target("2"), stop.Target("Photos", "backup")]
)
def test_waiting_task_cannot_be_stopped_and_nothing_is_sent(target: stop.Target) -> None:
    """The server would answer as if it had done it (2.3.1.0 control:36, 90)."""
    server, transport = busy()
    with pytest.raises(errors.Busy, match="task 8 has not begun"):
        stop.stop(server, target)
    assert not any(line.startswith("POST") for line in transport.asked)


def test_waiting_task_without_a_backup_is_found_by_its_own_state() -> None:
    server, _ = busy(**{"task/9": {"ID": 9, "Status": "Waiting"}})
    with pytest.raises(errors.Busy, match="task 9 has not begun"):
        stop.stop(server, stop.Target("9", "task"))


@pytest.mark.parametrize("status", ["Completed", "Failed"])
def test_task_that_has_ended_is_told_so(status: str) -> None:
    server, transport = busy(**{"task/6": {"ID": 6, "Status": status}})
    for target in (stop.Target("6"), stop.Target("6", "task")):
        with pytest.raises(errors.TaskForgotten, match="task 6 has ended already"):
            stop.stop(server, target)
    assert not any(line.startswith("POST") for line in transport.asked)


def test_task_that_ends_before_the_server_hears_of_it_is_told() -> None:
    server, _ = busy(**{"task/7/stop": answer(404, {"Error": "No such task found"})})
    with pytest.raises(errors.TaskForgotten):
        stop.stop(server, watching=briefly())


def test_stumble_of_the_server_while_it_aborts_is_no_failure() -> None:
    """2.1.0.5 extra:30."""
    replies = [answer(500, {"Error": "An error occurred"}), answer(200, {"ID": 7, "Status": "Completed"})]
    server, _ = busy(**{"task/7": lambda _: replies.pop(0)})
    assert stop.abort(server, watching=briefly()).has_ended


def test_task_of_a_server_that_was_restarted_meanwhile_has_ended() -> None:
    server, _ = busy(**{"task/7": answer(404, {"Error": "No such task found"})})
    assert stop.abort(server, watching=briefly()).has_ended


@pytest.mark.parametrize(
    ("selector", "kind"),
    [
        ("99", errors.TaskForgotten),
        ("3", errors.TaskForgotten),
        ("9", errors.TaskForgotten),
        ("Nothing", errors.BackupNotFound),
        ("9" * 5000, errors.TaskForgotten),
        ("٧", errors.BackupNotFound),
        ("07", errors.TaskForgotten),
    ],
)
def test_what_neither_runs_nor_waits_is_told(selector: str, kind: type[Exception]) -> None:
    server, transport = busy()
    with pytest.raises(kind):
        stop.stop(server, stop.Target(selector))
    assert not any(line.startswith("POST") for line in transport.asked)


def test_idle_server_has_nothing_to_stop() -> None:
    server, _ = busy(active=None, waiting=())
    with pytest.raises(errors.TaskForgotten, match="nothing runs"):
        stop.stop(server)
