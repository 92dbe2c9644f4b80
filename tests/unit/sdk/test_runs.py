"""Starting a run: whether the server added one, and which number it has."""

from __future__ import annotations

import pytest

from duplicati_client.http import Request
from duplicati_client.outcome import Outcome
from tests.unit.sdk.backup_server import NOON, BackupServer, Following

RELEASES = ("2.0.8.1", "2.1.0.5", "2.2.0.3", "2.3.0.4", "2.3.1.0")


# --- absorbed runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("place", ["running", "waiting"])
def test_absorbed_run_is_noticed_and_the_earlier_task_followed(release: str, place: str) -> None:
    server = BackupServer(release)
    server.begin(4)
    if place == "waiting":
        server.active, server.waiting = (2, "9"), [(4, "3")]
    following = Following(server)
    run = following.start()
    assert run.is_absorbed is True
    assert run.task_id == 4
    server.begin(4)
    server.end(4)
    assert following.follow(run).task_id == 4


def test_run_absorbed_by_a_restore_is_not_called_a_successful_backup() -> None:
    server = BackupServer()
    server.begin(4)
    following = Following(server)
    run = following.start()
    server.end(4, result=None)
    server.add_row("Success", began_at=NOON, operation="Restore")
    ended = following.follow(run)
    assert ended.verdict.outcome is Outcome.UNKNOWN
    assert "Restore" in ended.verdict.reason


def test_run_beside_tasks_of_other_backups_is_not_absorbed() -> None:
    server = BackupServer()
    server.active, server.waiting = (2, "9"), [(3, "8"), (4, None)]
    assert Following(server).start().is_absorbed is False


# --- the legacy generation gives no number ------------------------------------------------------------------


def test_number_of_a_legacy_run_is_found_in_the_queue() -> None:
    assert Following(BackupServer("2.0.8.1")).start().task_id == 7


def test_number_of_a_quick_legacy_run_is_found_in_the_progress_it_left() -> None:
    server = BackupServer("2.0.8.1")
    server.progress = {"TaskID": 5, "BackupID": "3", "Phase": "Backup_Complete"}

    def finish(request: Request) -> None:
        if server.runs_count and server.active:
            server.end(7)
            server.progress = {"TaskID": 7, "BackupID": "3", "Phase": "Backup_Complete"}

    server.before = finish
    following = Following(server)
    run = following.start()
    assert run.task_id == 7
    assert following.follow(run).verdict.outcome is Outcome.SUCCESS


def test_legacy_run_whose_number_is_never_seen_is_followed_by_the_state() -> None:
    server = BackupServer("2.0.8.1")

    def finish(request: Request) -> None:
        if server.runs_count and server.active:
            server.end(7)

    server.before = finish
    following = Following(server)
    run = following.start()
    assert run.task_id is None
    ended = following.follow(run)
    assert ended.verdict.outcome is Outcome.SUCCESS
    assert ended.row_id == 1
