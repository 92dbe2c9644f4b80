"""The demonstration of the whole, from a copy of its folder, so that nothing of it lies in the project's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.processes import is_alive, list_descendants

DEMO = Path(__file__).parents[2] / "demo"
PATIENCE_SECONDS = 60.0
DAEMONS_COUNT = 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell whose child a process is")
def test_demonstration_that_is_killed_leaves_nothing_running_and_no_folder(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, str(tmp_path / "demo" / "demo.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        read_until_daemons_run(demo)
        children = list_descendants(demo.pid)
        demo.kill()
    assert len(children) >= DAEMONS_COUNT + 2, "a task server, two sandboxes, and a daemon at least"
    try:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while any(is_alive(child) for child in children) or (tmp_path / ".demo").exists():
            assert time.monotonic() < ends_at, [child for child in children if is_alive(child)]
            time.sleep(0.1)
    finally:
        for child in filter(is_alive, children):
            os.kill(child, signal.SIGKILL)


def read_until_daemons_run(demo: subprocess.Popen[str]) -> None:
    left = DAEMONS_COUNT
    for line in demo.stdout:
        left -= line.startswith("$ duplicati daemon run")
        if not left:
            return
    raise AssertionError("it ended before")
