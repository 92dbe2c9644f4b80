"""A task is sent as it is, and what the command ends with is what it had ended with there."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client import errors
from tests.fake_fleet import End
from tests.unit.cli.distance.conftest import Scene
from tests.unit.cli.stage import Ended


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def send(scene: Scene) -> Ended:
    return scene.stage.run("task-server", "send", "nas", "run", "backup", "Documents", "--wait", "--context", "far")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (End("completed"), 0),
        (End("completed", {"Outcome": "warning"}), 2),
        (End("completed", {"Outcome": "fatal"}), 4),
        (End("cancelled"), 5),
        (End("error", {"Code": "cancelled"}), 5),
        (End("error", {"Code": "outcome-unknown"}), 6),
        (End("error", {"Code": "backup-not-found"}), 66),
        (End("error", {"Code": "connection-refused"}), 69),
        (End("expired"), 75),
        (End("refused", {"Code": "prohibited"}), 77),
    ],
)
def test_status_says_how_it_went_there(scene: Scene, end: End, status: int) -> None:
    scene.fleet.carry = lambda _: end
    assert send(scene).status == status


def test_task_server_that_is_away_meanwhile_is_waited_for(scene: Scene) -> None:
    scene.fleet.carry = lambda _: None
    scene.fleet.steps = [{"State": "accepted"}, {"State": "completed", "Outcome": "success", "Data": {}}]
    lost = iter([errors.ConnectionLost("it is gone")])
    look = scene.fleet.send

    def send_or_lose(request):
        if request.headers.get("If-None-Match"):
            scene.fleet.failures += list(lost)
        return look(request)

    scene.fleet.send = send_or_lose
    ended = send(scene)
    assert ended.status == 0
    assert "the task server is back" in ended.stderr
