"""What a daemon that runs, and one that has ended, say to programs is as documented."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.daemon_stage import Stage, stage
from tests.sandbox_process import PROGRAM
from tests.shapes.checking import faults_of

PATIENCE_SECONDS = 40.0


def call(on: Stage, *words: str) -> str:
    command = [str(PROGRAM), "daemon", *words, "--config", on.config, "--output", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS).stdout


@pytest.mark.parametrize("level", [0, 1])
def test_status_and_round_are_written_as_documented(tmp_path: Path, level: int) -> None:
    with stage(tmp_path / "d", level=level, speed=1.0) as on:  # the run takes a minute
        on.tasks.give({"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 5}]}, {"ID": 2})
        told = [call(on, "once", "--max-duration", "1s"), call(on, "status"), call(on, "service", "status", "--user")]
        command = [str(PROGRAM), "daemon", "run", "--config", on.config]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as daemon:
            try:
                item = wait_until_running(on, told)
            finally:
                daemon.kill()
    assert [fault for text in told for fault in faults_of(text)] == []
    assert [weaker["promise"] for weaker in item["task_server"]["weaker"]] == (
        [] if level else ["G1", "G3", "G4", "G5", "G12", "G15"]
    )


def wait_until_running(on: Stage, told: list[str]) -> dict:
    """Ask until the run of task 1 is watched and the task server has answered; what was said is added to `told`."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        told.append(call(on, "status"))
        item = json.loads(told[-1])["item"]
        is_there = item["state"] == "running" and item["running"] and item["task_server"]["state"] == "connected"
        if is_there:
            return item
        assert time.monotonic() < ends_at, json.dumps(item)
        time.sleep(0.2)
