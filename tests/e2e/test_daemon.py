"""The daemon as its owner has it: processes, signals, two of them, servers that come and go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_stage import Stage, stage
from tests.sandbox_process import PROGRAM

PATIENCE_SECONDS = 60.0
HELD_SECONDS = 20.0
RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]}
LONG_RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 5}]}


def call(on: Stage, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "daemon", verb, "--config", on.config, *options]
    return run(command, os.environ)


def run(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environ,
        timeout=PATIENCE_SECONDS,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def running(on: Stage, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start `daemon run`; a process that is still there at the end is killed."""
    command = [str(PROGRAM), "daemon", "run", "--config", on.config, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(holds: Callable[[], Any]) -> Any:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert time.monotonic() < ends_at, "waited in vain"
        time.sleep(0.02)
    return found


def end(process: subprocess.Popen[str]) -> tuple[float, str]:
    """Send SIGTERM; return the seconds until the end, and what was told."""
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    return time.monotonic() - asked_at, told


def read_status(on: Stage) -> tuple[int, dict[str, Any]]:
    ended = call(on, "status", "--output", "json")
    return ended.returncode, json.loads(ended.stdout)["item"]


@pytest.mark.parametrize("level", [0, 1])
def test_daemon_takes_tasks_performs_them_and_ends_in_order(tmp_path: Path, level: int) -> None:
    with stage(tmp_path / "d", level=level) as on, running(on) as daemon:
        on.tasks.give({"ID": 1, **RUN}, {"ID": "two", "Operation": "list", "Resources": [{"Type": "backup"}]})
        on.tasks.wait_for(lambda: on.find_ends(1) and on.find_ends("two"))
        seconds, told = end(daemon)
        assert (daemon.returncode, on.find_wrongs({1: 1, "two": None})) == (0, [])
        assert len(on.find_ends("two")[0]["Data"]["Items"]) == 5
    assert seconds < 5
    assert "task 1 (run): completed, success" in told


def test_sigterm_in_mid_run_leaves_the_run_going_and_the_next_start_watches_it(tmp_path: Path) -> None:
    with stage(tmp_path / "d", speed=40.0) as on:
        on.tasks.give({"ID": 1, **LONG_RUN})
        with running(on) as daemon:
            wait_for(lambda: on.server.call(lambda: on.server.engine.is_running("5")))
            on.tasks.wait_for(lambda: on.tasks.find_results(1, "accepted"))
            seconds, _ = end(daemon)
        assert daemon.returncode == 0
        assert seconds < 10
        assert on.server.call(lambda: on.server.engine.is_running("5"))
        with running(on) as daemon:
            on.tasks.wait_for(lambda: on.find_ends(1), PATIENCE_SECONDS)
            end(daemon)
        assert on.find_wrongs({1: 5}) == []
        assert on.find_ends(1)[0]["Data"]["Outcome"] == "success"


def test_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on, running(on) as daemon:
        wait_for(lambda: read_status(on)[0] == 0)
        on.tasks.give({"ID": 1, **RUN})
        fault = on.tasks.fault("result", times=None, delay_seconds=HELD_SECONDS)
        wait_for(lambda: fault.fired_count)
        daemon.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert daemon.poll() is None
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(2.0) == 130


def test_sighup_takes_over_a_policy_and_keeps_the_old_one_if_the_new_is_broken(tmp_path: Path) -> None:
    with stage(tmp_path / "d", preset="observe") as on, running(on) as daemon:
        on.tasks.give({"ID": 1, **RUN})
        on.tasks.wait_for(lambda: on.find_ends(1))
        assert on.find_ends(1)[0]["Data"]["Code"] == "prohibited"
        path = Path(on.config)
        path.write_text(path.read_text().replace('"observe"', '"everything"'))
        daemon.send_signal(signal.SIGHUP)
        assert wait_for(lambda: (found := read_status(on))[0] == 78 and found)[1]["policy"]["preset"] == "observe"
        path.write_text(path.read_text().replace('"everything"', '"run"'))
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: read_status(on)[1]["policy"]["preset"] == "run")
        on.tasks.give({"ID": 2, **RUN})
        on.tasks.wait_for(lambda: on.find_ends(2))
        assert on.find_ends(2)[0]["Status"] == "completed"
        end(daemon)


def test_second_daemon_on_a_state_folder_does_not_start_and_names_the_first(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on, running(on) as daemon:
        wait_for(lambda: read_status(on)[0] == 0)
        for verb in ("run", "once"):
            second = call(on, verb)
            assert second.returncode == 75
            assert f"process {daemon.pid}" in second.stderr
        skipped = call(on, "once", "--skip-if-running")
        assert (skipped.returncode, skipped.stdout, skipped.stderr) == (0, "", "")
        end(daemon)


def test_status_tells_of_a_daemon_that_was_killed(tmp_path: Path) -> None:
    with stage(tmp_path / "d", speed=2.0) as on:
        on.tasks.give({"ID": 1, **LONG_RUN})
        with running(on) as daemon:
            on.tasks.wait_for(lambda: on.tasks.find_results(1, "accepted"))
            assert read_status(on)[1]["tasks"]["open_count"] == 1
            daemon.kill()
            daemon.wait()
        status, item = read_status(on)
        assert (status, item["state"], item["tasks"]["open_count"]) == (69, "not-running", 1)
        assert call(on, "status").returncode == 69


def test_task_server_that_was_away_gets_its_results_when_it_is_back(tmp_path: Path) -> None:
    with stage(tmp_path / "d", speed=20.0) as on, running(on) as daemon:
        on.tasks.give({"ID": 1, **RUN})
        on.tasks.wait_for(lambda: on.tasks.find_results(1, "accepted"))
        on.tasks.stop()
        wait_for(lambda: read_status(on)[0] == 69)
        on.tasks.start()
        on.tasks.wait_for(lambda: on.find_ends(1), PATIENCE_SECONDS)
        end(daemon)
        assert on.find_wrongs({1: 1}) == []


@pytest.mark.parametrize("version", ["2.3.1", "2.0.8"])
def test_server_that_is_killed_in_mid_run_is_asked_once_more(tmp_path: Path, version: str) -> None:
    with stage(tmp_path / "d", speed=50.0, version=version) as on, running(on) as daemon:
        on.tasks.give({"ID": 1, **LONG_RUN})
        wait_for(lambda: on.server.call(lambda: on.server.engine.is_running("5")))
        wait_for(lambda: '"submitted"' in (tmp_path / "d" / "state" / "task-list.yml").read_text())
        on.server.restart(kill=True)
        on.tasks.wait_for(lambda: on.find_ends(1), PATIENCE_SECONDS)
        end(daemon)
        assert on.find_wrongs({1: 5}) == []
        data = on.find_ends(1)[0]["Data"]
        assert (data["Outcome"], data["Starts"]) == ("success", 2)


def test_stop_does_not_wait_for_the_run_it_is_to_stop(tmp_path: Path) -> None:
    with stage(tmp_path / "d", speed=2.0) as on, running(on) as daemon:
        on.tasks.give({"ID": 1, **LONG_RUN})
        wait_for(lambda: on.server.call(lambda: on.server.engine.is_running("5")))
        on.tasks.give({"ID": 2, "Operation": "stop", "Resources": [{"Type": "backup", "ID": 5}]})
        on.tasks.wait_for(lambda: on.find_ends(1) and on.find_ends(2), PATIENCE_SECONDS)
        end(daemon)
        assert on.find_ends(2)[0]["Status"] == "completed"


def test_once_ends_with_the_highest_status_of_its_tasks(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on:
        assert call(on, "once").returncode == 0
        on.tasks.give({"ID": 1, **RUN}, {"ID": 2, "Operation": "run", "Resources": [{"Type": "backup", "ID": 2}]})
        ended = call(on, "once", "--output", "json")
        assert ended.returncode == 2
        outcomes = {item["task_id"]: item["outcome"] for item in json.loads(ended.stdout)["items"]}
        assert outcomes == {"1": "success", "2": "warning"}
        on.tasks.give({"ID": 3, "Operation": "made-up"})
        ended = call(on, "once", "--quiet")
        assert ended.returncode == 77
        assert "made-up" in ended.stdout


def test_once_that_has_to_end_leaves_a_run_to_the_next(tmp_path: Path) -> None:
    with stage(tmp_path / "d", speed=40.0) as on:
        on.tasks.give({"ID": 1, **LONG_RUN})
        ended = call(on, "once", "--max-duration", "1s")
        assert (ended.returncode, on.find_ends(1)) == (0, [])
        assert "left to the next round: 1" in ended.stderr
        assert call(on, "once").returncode == 0
        assert on.find_wrongs({1: 5}) == []


def test_once_without_a_task_server_says_so(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on:
        on.tasks.stop()
        for words in ((), ("--quiet",), ("--output", "json")):
            ended = call(on, "once", *words)
            assert ended.returncode == 69
            assert ended.stderr.count("the task server is away") == 1
            assert "  try: " in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_once_whose_tasks_wait_for_the_disk_ends_as_a_full_disk_does(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on:
        assert call(on, "once").returncode == 0
        on.tasks.give({"ID": 1, **RUN})
        command = ["prlimit", "--fsize=1000", str(PROGRAM), "daemon", "once", "--config", on.config]
        ended = run(command, os.environ)
        assert ended.returncode == 74
        assert "tasks wait for the disk" in ended.stderr
        assert call(on, "once").returncode == 0
        assert on.find_wrongs({1: 1}) == []


def test_log_is_json_for_a_program_and_has_priorities_for_the_journal(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on:
        on.tasks.give({"ID": 1, **RUN})
        with running(on, "--output", "json") as daemon:
            on.tasks.wait_for(lambda: on.find_ends(1))
            daemon.send_signal(signal.SIGTERM)
            told, _ = daemon.communicate(timeout=PATIENCE_SECONDS)
        lines = [json.loads(line) for line in told.splitlines()]
        assert lines[0]["event"] == "started"
        assert {"level", "at", "text", "task"} <= lines[0].keys()
        command = [str(PROGRAM), "daemon", "once", "--config", on.config]
        environ = {**os.environ, "JOURNAL_STREAM": "8:1"}
        on.tasks.give({"ID": 2, "Operation": "made-up"})
        ended = run(command, environ)
        assert any(line.startswith("<4>task 2") for line in ended.stderr.splitlines())
