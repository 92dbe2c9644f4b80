"""`task-server run --demo`: something to try it on, for as long as it runs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

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


def wait_for(terminal: Terminal, line: str) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    command = ("task-server", "daemons", "--output", "csv", "--columns", "name,presence,state")
    while line not in (told := terminal.tell(*command)).splitlines():
        assert time.monotonic() < ends_at, told
        time.sleep(0.1)
