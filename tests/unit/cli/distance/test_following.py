"""Work beside a daemon, followed from here: talk, progress, Ctrl-C and status as of work on a server near by."""

from __future__ import annotations

import json
from typing import Any

import pytest

from duplicati_client import errors
from tests.fake_fleet import End
from tests.unit.cli.distance.conftest import Scene

ENDED = {
    "Operation": "run",
    "TaskID": 4,
    "BackupID": "1",
    "Name": "Documents",
    "Outcome": "warning",
    "Reason": "It ended with warnings.",
    "Detail": None,
    "Signs": ["row"],
    "StartedAt": "2026-11-30T10:00:00Z",
    "FinishedAt": "2026-11-30T10:01:00Z",
    "DurationSeconds": 60.0,
    "Deed": None,
}


@pytest.fixture
def slow(scene: Scene) -> Scene:
    """The daemon has begun, and says how far it is, look by look."""
    scene.fleet.carry = lambda _: None
    scene.fleet.steps = [
        {"State": "accepted"},
        {"Progress": {"State": "running", "Phase": "Backup_ProcessingFiles", "Fraction": 0.4, "Bytes": 4000}},
        {"Progress": {"State": "running", "Phase": "Backup_Compact"}},
        {"State": "completed", "Outcome": "warning", "Data": ENDED},
    ]
    return scene


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_run_is_followed_to_its_outcome(slow: Scene) -> None:
    ended = slow.far("run", "Documents", "--wait")
    assert ended.status == 2
    assert ended.stdout == "Documents: warning after 1m 00s. It ended with warnings.\n"
    assert "Documents: task nas/1, Ctrl-C leaves it going" in ended.stderr
    assert slow.fleet.tasks[0]["Task"]["Parameters"] == {"wait": True}


def test_program_reads_the_same_events_as_of_a_server_near_by(slow: Scene) -> None:
    told = events(slow.far("run", "Documents", "--wait", "--output", "json").stdout)
    assert [one["event"] for one in told] == ["started", "progress", "progress", "ended"]
    assert told[1]["fraction"] == pytest.approx(0.4)
    assert (told[-1]["outcome"], told[-1]["task_id"], told[-1]["duration_seconds"]) == ("warning", 4, 60.0)


def test_parameters_of_the_verb_go_along(slow: Scene) -> None:
    slow.far("run", "Documents", "--wait", "--skip-queue")
    assert slow.fleet.tasks[0]["Task"]["Parameters"] == {"skip-queue": True, "wait": True}


def test_time_that_is_up_ends_the_waiting_and_not_the_work(slow: Scene) -> None:
    slow.fleet.steps = slow.fleet.steps[:2]
    ended = slow.far("run", "Documents", "--wait", "--timeout", "0.01")
    assert ended.status == 124
    assert "the work goes on (task nas/1)" in ended.stderr
    assert "POST tasks/d1/1/cancel" not in slow.fleet.requests


def test_ctrl_c_leaves_the_work_going(slow: Scene) -> None:
    slow.fleet.interrupts_at = 2
    ended = slow.far("run", "Documents", "--wait")
    assert ended.status == 130
    assert "the work goes on (task nas/1)" in ended.stderr
    assert "POST tasks/d1/1/cancel" not in slow.fleet.requests


def test_second_ctrl_c_asks_for_its_end(slow: Scene) -> None:
    def press(_: float) -> None:
        raise KeyboardInterrupt

    slow.stage.sleep = press
    slow.fleet.interrupts_at = 2
    assert slow.far("run", "Documents", "--wait").status == 130
    assert slow.fleet.requests[-1] == "POST tasks/d1/1/cancel"


def test_refusal_ends_one_and_the_others_go_on(scene: Scene) -> None:
    listed = {"BackupID": "1", "Name": "Documents"}, {"BackupID": "2", "Name": "Photos"}
    rest = dict.fromkeys(
        (
            "LastStartedAt",
            "LastFinishedAt",
            "DurationSeconds",
            "VersionsCount",
            "SourceBytes",
            "DestinationBytes",
            "NextRunAt",
        )
    )

    def carry(content: Any) -> End:
        if content["Operation"] == "list":
            items = [{**one, **rest, "Outcome": "never", "Reason": ""} for one in listed]
            return End("completed", {"Items": items})
        if content["Resources"] == [{"Type": "backup", "ID": 2}]:
            return End("refused", {"Reason": "not this one"})
        return End("completed", {**ENDED, "Outcome": "success"})

    scene.fleet.carry = carry
    ended = scene.far("run", "Photos", "Documents", "--wait")
    assert ended.status == 77
    assert "Photos: nas refuses it: not this one" in ended.stderr
    assert "Documents: success" in ended.stdout


def test_task_server_that_is_away_meanwhile_is_waited_for(slow: Scene) -> None:
    original, looks = slow.fleet.send, []

    def send(request: Any) -> Any:
        looks.append(request.path)
        if 6 <= len(looks) < 9:
            raise errors.ConnectionLost("it hung up")
        return original(request)

    slow.fleet.send = send  # type: ignore[method-assign]
    ended = slow.far("run", "Documents", "--wait")
    assert ended.status == 2
    assert ended.stderr.count("trying again") == 1
    assert "the task server is back" in ended.stderr
