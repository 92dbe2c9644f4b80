"""The owner's policy as a daemon lives with it: at the start, at a reload, over restarts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.daemon_stage import Stage, stage, write_configuration
from tests.e2e.test_daemon import PATIENCE_SECONDS, call, end, read_status, running, wait_for
from tests.task_server import TaskServer

RUN_1, RUN_2 = ({"Operation": "run", "Resources": [{"Type": "backup", "ID": number}]} for number in (1, 2))
BY_NAME = {"Operation": "run", "Resources": [{"Type": "backup", "Name": "photos"}]}
NOT_PHOTOS = 'preset = "run"\n[[policy.deny]]\nname = "no photos"\nbackups = ["Photos"]\n'
ONE_A_DAY = 'preset = "run"\n[[policy.limit]]\nname = "one a day"\noperations = ["run"]\nat_most = 1\neach = "backup"\n'


def write_policy(on: Stage, text: str) -> None:
    path = Path(on.config)
    path.write_text(path.read_text().partition("[policy]")[0] + f"[policy]\n{text}")


def find_end(on: Stage, task_id: Any) -> tuple[str, str | None]:
    """Return status and rule of a task's end."""
    on.tasks.wait_for(lambda: on.find_ends(task_id), PATIENCE_SECONDS)
    [found] = on.find_ends(task_id)
    return found["Status"], found.get("Data", {}).get("Rule")


def test_first_tasks_are_judged_by_the_names_that_their_server_has(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on:
        write_policy(on, NOT_PHOTOS)
        on.tasks.give({"ID": 1, **RUN_1}, {"ID": 2, **RUN_2}, {"ID": 3, **BY_NAME})
        with running(on) as daemon:
            assert find_end(on, 1) == ("completed", None)
            assert find_end(on, 2) == find_end(on, 3) == ("refused", "no photos")
            end(daemon)
        assert on.count_runs(2) == 0


def test_names_are_known_when_a_reload_brings_a_policy_that_wants_them(tmp_path: Path) -> None:
    with stage(tmp_path / "d", preset="run") as on, running(on) as daemon:
        on.tasks.give({"ID": 1, **RUN_2})
        assert find_end(on, 1) == ("completed", None)
        digest = read_status(on)[1]["policy"]["digest"]
        write_policy(on, NOT_PHOTOS)
        daemon.send_signal(signal.SIGHUP)
        wait_for(lambda: read_status(on)[1]["policy"]["digest"] != digest)
        on.tasks.give({"ID": 2, **RUN_1}, {"ID": 3, **RUN_2})
        assert find_end(on, 2) == ("completed", None)
        assert find_end(on, 3) == ("refused", "no photos")
        end(daemon)
        assert on.count_runs(2) == 1


def test_limit_counts_over_restarts_and_by_whatever_name(tmp_path: Path) -> None:
    with stage(tmp_path / "d") as on:
        write_policy(on, ONE_A_DAY)
        for task_id, task in enumerate((RUN_2, BY_NAME, RUN_1), 1):
            on.tasks.give({"ID": task_id, **task})
            call(on, "once")
        found = [find_end(on, task_id) for task_id in (1, 2, 3)]
        assert found == [("completed", None), ("refused", "one a day"), ("completed", None)]
        assert (on.count_runs(1), on.count_runs(2)) == (1, 1)


@pytest.mark.parametrize(
    ("verb", "text", "told", "hint"),
    [
        (
            "run",
            'preset = "evrything"',
            ":2: policy.preset has 'evrything', which there is not",
            "one of: none, observe",
        ),
        ("once", 'preset = "run"\n[[policy.deny]]', ":3: policy.deny[1] has no name", "write name"),
        ("run", "preset = ", " is not valid TOML: Invalid value (at line 2, column 10)", "correct that place"),
    ],
)
def test_broken_policy_stops_the_start_with_its_line_and_the_next_step(
    tmp_path: Path, verb: str, text: str, told: str, hint: str
) -> None:
    with apart(tmp_path / "d") as (on, policy):
        policy.write_text(f"[policy]\n{text}\n")
        ended = call(on, verb)
        assert ended.returncode == 78
        assert f"{policy}{told}" in ended.stderr
        assert hint in ended.stderr


def test_missing_policy_stops_the_start(tmp_path: Path) -> None:
    with apart(tmp_path / "d") as (on, policy):
        ended = call(on, "run")
        assert (ended.returncode, f"there is no file {policy}" in ended.stderr) == (78, True)
        assert '[policy] and preset = "run"' in ended.stderr
        path = Path(on.config)
        path.write_text(path.read_text().partition("\n")[2])
        ended = call(on, "run")
        assert (ended.returncode, "daemon.toml: policy is missing" in ended.stderr) == (78, True)
        assert '[policy] and preset = "run"' in ended.stderr


class Apart(NamedTuple):
    """A configuration alone."""

    config: str


@contextmanager
def apart(folder: Path) -> Iterator[tuple[Apart, Path]]:
    """Give a configuration whose policy lies in a file of its own that is not there yet; nobody may be asked."""
    folder.mkdir(mode=0o700)
    with TaskServer(level=0) as tasks:
        path = Path(write_configuration(folder, tasks.url, "http://127.0.0.1:9"))
        path.write_text('policy_file = "policy.toml"\n' + path.read_text().partition("[policy]")[0])
        yield Apart(str(path)), folder / "policy.toml"
        assert tasks.requests == []
