"""The owner of a daemon at a machine: a configuration, a state folder with files as a test wants them, commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main
from tests.unit.cli.stage import Ended, Terminal


class Owner:
    """Types commands; the state folder is made when there is something to put into it."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.state = folder / "state"
        self.config = folder / "daemon.toml"
        self.config.write_text(
            'name = "nas"\nstate_folder = "state"\n[task_server]\nurl = "http://127.0.0.1:9"\n'
            '[servers.main]\nurl = "http://127.0.0.1:8200"\n[policy]\npreset = "run"\n[limits]\nin_flight = 5\n'
        )

    @property
    def task_list(self) -> Path:
        return self.state / "task-list.yml"

    @property
    def history(self) -> Path:
        return self.state / "task-history.yml"

    def keep(self, *tasks: bytes, past: bytes | None = None) -> None:
        """Let the daemon's files be these."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.task_list.write_bytes(b"".join(tasks))
        if past is not None:
            self.history.write_bytes(past)

    def run(self, *words: str, typed: str = "", is_terminal: bool = False, columns: int | None = 80) -> Ended:
        """Run `duplicati daemon …`."""
        environ = {"HOME": str(self.config.parent)} | ({"COLUMNS": str(columns)} if columns else {})
        stdout, stderr = Terminal(), Terminal()
        console = Console(Terminal(typed, is_terminal=is_terminal), stdout, stderr, environ)
        status = main(("daemon", *words, "--config", str(self.config)), Process(environ, console, _ask_nobody))
        return Ended(status, stdout.getvalue(), stderr.getvalue())

    def read(self, *words: str) -> Any:
        """Run it and return the items, or the item, of its JSON."""
        document = json.loads(self.run(*words, "--output", "json").stdout)
        return document.get("items", document.get("item"))


def _ask_nobody(prompt: str) -> str:
    raise AssertionError(f"nobody should be asked: {prompt}")
