"""A server on one screen."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.operations.status import read_status
from tests.fakes import Clock, answer
from tests.unit.operations.one_server import listed, server_of

SYSTEM = {
    "ServerVersion": "2.3.1.0",
    "ServerVersionName": "2.3.1.0 - x",
    "OSType": "Linux",
    "MachineName": "nas",
    "UserName": "root",
    "ServerTime": "2027-01-15T08:00:10Z",
}
ANSWERS = {
    "serverstate": {"LastEventID": 4},
    "systeminfo": SYSTEM,
    "backups": listed("a", "b"),
    "tasks": [],
    "notifications": [{"Type": "Error"}, {"Type": "Warning"}, {"Type": "Warning"}, {"Type": "Information"}],
}


def test_status_counts_and_compares_clocks() -> None:
    server, transport = server_of(ANSWERS)
    status = read_status(server, clock=Clock(1_800_000_000.0))
    assert (status.version, status.machine_name, status.backups_count) == ("2.3.1.0", "nas", 2)
    assert (status.errors_count, status.warnings_count) == (1, 2)
    assert status.clock_offset_seconds == 10.0
    assert status.session.is_renewable
    assert len(transport.requests) == 5


def test_clock_that_cannot_be_read_is_no_offset() -> None:
    server, _ = server_of({**ANSWERS, "systeminfo": {}})
    assert read_status(server).clock_offset_seconds is None


def test_server_that_fails_is_told() -> None:
    server, _ = server_of({**ANSWERS, "serverstate": answer(500, {"Error": "An error occurred"})})
    with pytest.raises(errors.ServerFailed):
        read_status(server)


def test_queue_and_the_end_of_a_pause_are_told_by_our_clock() -> None:
    state = {
        "ProgramState": "Paused",
        "EstimatedPauseEnd": "2027-01-15T09:00:10Z",
        "ActiveTask": {"Item1": 7, "Item2": "2"},
        "SchedulerQueueIds": [{"Item1": 9, "Item2": "1"}],
    }
    tasks = [{"ID": 7, "Status": "Running"}, {"ID": 9, "Status": "Running"}]
    server, _ = server_of({**ANSWERS, "serverstate": state, "tasks": tasks})
    status = read_status(server, clock=Clock(1_800_000_000.0))
    assert status.pause_ends_at is not None
    assert status.pause_ends_at.isoformat() == "2027-01-15T09:00:00+00:00"
    assert [(task.task_id, task.status, task.backup_name) for task in status.queue] == [
        (7, "running", "b"),
        (9, "waiting", "a"),
    ]
