"""Stopping and aborting: which task is meant, and what can be promised."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.operations import stop
from duplicati_client.sdk.client import Duplicati
from tests.fakes import FakeTransport, answer
from tests.unit.operations.one_server import listed, server_of


def busy(
    *, active: tuple[int, str | None] | None = (7, "1"), waiting: tuple[tuple[int, str], ...] = ((8, "2"),)
) -> tuple[Duplicati, FakeTransport]:
    state = {
        "ActiveTask": {"Item1": active[0], "Item2": active[1]} if active else None,
        "SchedulerQueueIds": [{"Item1": number, "Item2": backup_id} for number, backup_id in waiting],
    }
    tasks = {f"task/{number}": {"ID": number, "Status": "Running"} for number in (7, 8)}
    verbs = {f"task/{number}/{verb}": answer(200) for number in (7, 8) for verb in ("stop", "abort")}
    return server_of({"serverstate": state, "backups": listed("Documents", "Photos", "9"), **tasks, **verbs})


@pytest.mark.parametrize("selector", [None, "7", "1", "Documents", "docu*"])
def test_running_task_is_meant_by_nothing_its_number_or_its_backup(selector: str | None) -> None:
    server, transport = busy()
    asked = stop.stop(server, selector)
    assert (asked.task_id, asked.verb, asked.status) == (7, "stop", "Running")
    assert "POST api/v1/task/7/stop" in transport.asked


def test_abort_has_its_own_verb() -> None:
    server, transport = busy()
    assert stop.abort(server, "7").verb == "abort"
    assert "POST api/v1/task/7/abort" in transport.asked


@pytest.mark.parametrize("selector", ["8", "2", "Photos"])
def test_waiting_task_cannot_be_stopped_and_nothing_is_sent(selector: str) -> None:
    """The server would answer as if it had done it (2.3.1.0 control:36, 90)."""
    server, transport = busy()
    with pytest.raises(errors.Busy):
        stop.stop(server, selector)
    assert not any(line.startswith("POST") for line in transport.asked)


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
        stop.stop(server, selector)
    assert not any(line.startswith("POST") for line in transport.asked)


def test_idle_server_has_nothing_to_stop() -> None:
    server, _ = busy(active=None, waiting=())
    with pytest.raises(errors.TaskForgotten, match="nothing runs"):
        stop.stop(server, None)
