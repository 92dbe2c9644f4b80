"""`task-server run --demo`: something to try it on, for as long as it runs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.processes import is_alive, list_children
from tests.e2e.task_server_process import FREE_PORT, PATIENCE_SECONDS, Terminal, task_server_process


def test_demonstration_is_there_while_the_task_server_runs(tmp_path: Path) -> None:
    terminal, data = Terminal(tmp_path / "home"), tmp_path / "data"
    with task_server_process(data, FREE_PORT, "--demo") as server:
        assert server.token is not None
        terminal.log_in(server, "tasks", server.token)
        wait_for(terminal, "demo,online,active")
        assert "Documents" in terminal.tell("list", "backups", "--context", "tasks/demo")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell whose child a process is")
def test_demonstration_ends_also_when_its_task_server_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, rest = Terminal(tmp_path / "home"), tmp_path / "tmp"
    rest.mkdir()
    monkeypatch.setenv("TMPDIR", str(rest))
    with task_server_process(tmp_path / "data", FREE_PORT, "--demo") as server:
        terminal.log_in(server, "tasks", str(server.token))
        wait_for(terminal, "demo,online,active")
        children = list_children(server.process.pid)
        assert len(children) == 2
        server.process.kill()
        server.process.wait(PATIENCE_SECONDS)
        try:
            ends_at = time.monotonic() + PATIENCE_SECONDS
            while any(is_alive(child) for child in children) or list(rest.iterdir()):
                assert time.monotonic() < ends_at, (children, list(rest.iterdir()))
                time.sleep(0.1)
        finally:
            for child in filter(is_alive, children):
                os.kill(child, signal.SIGKILL)


def wait_for(terminal: Terminal, line: str) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    command = ("task-server", "daemons", "--output", "csv", "--columns", "name,presence,state")
    while line not in (told := terminal.tell(*command)).splitlines():
        assert time.monotonic() < ends_at, told
        time.sleep(0.1)
