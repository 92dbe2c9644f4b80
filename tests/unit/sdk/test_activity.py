"""Views of what a server is doing, in both generations."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk.activity import Progress, QueuedTask, ServerState, ServerTask


def test_state_names_what_runs_what_waits_and_what_is_next() -> None:
    raw = {
        "ActiveTask": {"Item1": 7, "Item2": "3"},
        "SchedulerQueueIds": [{"Item1": 8, "Item2": None}, {"Item1": "x"}, 5],
        "ProposedSchedule": [
            {"Item1": "3", "Item2": "2026-11-24T12:00:00Z"},
            {"Item1": "3", "Item2": "2026-11-25T12:00:00Z"},
            {"Item1": None, "Item2": "x"},
        ],
        "ProgramState": "Paused",
        "HasError": True,
        "LastEventID": 42,
        "EstimatedPauseEnd": "0001-01-01T00:00:00Z",
    }
    state = ServerState.read(raw)
    assert state.active == QueuedTask(7, "3")
    assert state.waiting == (QueuedTask(8, None),)
    assert {name: at.day for name, at in state.proposed.items()} == {"3": 24}
    assert (state.is_paused, state.has_error, state.event_id, state.pause_ends_at) == (True, True, 42, None)


def test_state_of_strange_members_reads_as_idle() -> None:
    state = ServerState.read({"ActiveTask": [], "SchedulerQueueIds": {}, "ProposedSchedule": 1, "LastEventID": "x"})
    assert (state.active, state.waiting, state.proposed, state.event_id, state.is_paused) == (None, (), {}, 0, False)


@pytest.mark.parametrize(
    ("raw", "backup_id"),
    [
        ({"ID": 7, "Status": "Running"}, None),
        ({"TaskID": 7, "BackupID": "3"}, "3"),
        ({"TaskID": "7", "Backup": {"ID": "3"}}, "3"),
    ],
)
def test_task_is_read_in_the_form_of_every_release(raw: dict[str, object], backup_id: str | None) -> None:
    task = ServerTask.read(raw)
    assert (task.task_id, task.status, task.backup_id, task.has_ended) == (7, "Running", backup_id, False)


def test_task_without_number_takes_the_one_it_was_asked_by() -> None:
    """2.0.8.1 leaves it out."""
    assert ServerTask.read({"Status": "Completed"}, task_id=9).task_id == 9
    with pytest.raises(errors.NotUnderstood):
        ServerTask.read({"Status": "Completed"})


@pytest.mark.parametrize(
    ("status", "has_ended"),
    [("Waiting", False), ("Running", False), ("Completed", True), ("Failed", True), ("Vanished", True)],
)
def test_any_word_but_the_two_of_a_live_task_means_ended(status: str, has_ended: bool) -> None:
    assert ServerTask.read({"ID": 1, "Status": status}).has_ended is has_ended


@pytest.mark.parametrize(
    ("raw", "fraction"),
    [
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 50, "TotalFileSize": 100}, 0.5),
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 100, "TotalFileSize": 100}, 0.9),
        (
            {"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 50, "TotalFileSize": 100, "StillCounting": True},
            None,
        ),
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": 0, "TotalFileSize": 0}, None),
        ({"Phase": "Backup_ProcessingFiles", "ProcessedFileSize": -5, "TotalFileSize": 100}, 0.0),
        ({"Phase": "Restore_DownloadingRemoteFiles", "ProcessedFileSize": 9, "TotalFileSize": 90}, 0.1),
        ({"Phase": "Backup_WaitForUpload"}, 0.9),
        ({"Phase": "Backup_Complete"}, 1.0),
        ({"Phase": "Backup_Compact", "TotalFileCount": 3}, 0.95),
        ({"Phase": "Backup_Compact"}, None),
        ({"Phase": "Recreate_Running", "OverallProgress": 0.25}, 0.25),
        ({"Phase": "Recreate_Running", "OverallProgress": 0}, None),
        ({"Phase": "Recreate_Running", "OverallProgress": 7}, None),
        ({"Phase": "Later_Phase"}, None),
        ({}, None),
    ],
)
def test_fraction_follows_the_servers_own_pages(raw: dict[str, object], fraction: float | None) -> None:
    assert Progress.read(raw).fraction == fraction


def test_idle_speed_is_none() -> None:
    assert Progress.read({"BackendSpeed": -1}).speed_bytes_per_second is None
    assert Progress.read({"BackendSpeed": 2048}).speed_bytes_per_second == 2048


def test_lists_in_place_of_objects_are_not_understood() -> None:
    for kind in (ServerState, ServerTask, Progress):
        with pytest.raises(errors.NotUnderstood):
            kind.read([])
