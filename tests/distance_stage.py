"""A task server and two daemons, each beside a sandbox of another generation, and a terminal that knows them all."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from duplicati_client.sandbox.app import Options, start_in_thread
from tests.e2e.task_server_process import PATIENCE_SECONDS, TaskServerProcess, Terminal, task_server_process
from tests.sandbox_process import PROGRAM

PASSWORD = "correct-horse"
VERSIONS = {"modern": "2.3.1", "legacy": "2.0.8"}


class Daemon:
    """A daemon's process beside a sandbox, which can be killed and started again."""

    def __init__(self, on: Terminal, server: TaskServerProcess, folder: Path, duplicati_url: str) -> None:
        self.name, self.duplicati_url = folder.name, duplicati_url
        folder.mkdir(mode=0o700)
        code = on.tell("task-server", "code", "--name", self.name, "--label", f"kind={self.name}").strip()
        password = folder / "password"
        password.touch(0o600)
        password.write_text(f"{PASSWORD}\n", encoding="utf-8")
        self._config, self._folder = str(folder / "daemon.toml"), folder
        where = ("--task-server", server.url, "--server", f"main={duplicati_url}", "--password-file", str(password))
        what = ("--name", self.name, "--policy", "full", "--state", str(folder / "state"))
        on.tell("daemon", "init", "--config", self._config, *where, *what)
        on.tell("daemon", "enrol", code, "--config", self._config)
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("a", encoding="utf-8") as log:
            command = [str(PROGRAM), "daemon", "run", "--config", self._config]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


class Scene(NamedTuple):
    terminal: Terminal
    daemons: dict[str, Daemon]
    server: TaskServerProcess

    def add_viewer(self) -> Terminal:
        """Return the terminal of somebody who may only look."""
        made = self.terminal.tell("task-server", "tokens", "add", "--role", "viewer", "--output", "json")
        viewer = Terminal(self.terminal.home / "viewer")
        viewer.log_in(self.server, "office", json.loads(made)["token"])
        return viewer


@contextmanager
def distance_stage(folder: Path, names: tuple[str, ...] = tuple(VERSIONS), *, speed: float = 20.0) -> Iterator[Scene]:
    """Start everything in a folder; `office/NAME` and `NAME` are one server, through the task server and by itself."""
    terminal = Terminal(folder / "home")
    with ExitStack() as stack:
        server = stack.enter_context(task_server_process(folder / "data"))
        assert server.token is not None
        terminal.log_in(server, "office", server.token)
        daemons = {}
        for name in names:
            options = Options(password=PASSWORD, speed=speed, version=VERSIONS[name])
            duplicati = stack.enter_context(start_in_thread(options))
            said = terminal.run("login", duplicati.url, "--name", name, "--password-stdin", stdin=f"{PASSWORD}\n")
            assert said.returncode == 0, said.stderr
            daemons[name] = Daemon(terminal, server, folder / name, duplicati.url)
            stack.callback(daemons[name].kill)
        _wait_until_there(terminal, len(names))
        yield Scene(terminal, daemons, server)


def _wait_until_there(terminal: Terminal, count: int) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while terminal.tell("task-server", "daemons", "--output", "csv", "--columns", "presence").count("online") < count:
        assert time.monotonic() < ends_at
        time.sleep(0.1)
