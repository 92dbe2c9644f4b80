"""Task servers that die on purpose, forked from a process that has loaded one: `python -m tests.task_server_nursery`.

A line of JSON on stdin is an order, a line on stdout what came of it. A server on SQLite may be told to die at the n-th
step that its database asks of the disk: no list of such places has to be kept.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from duplicati_client.cli import main as program
from tests import sqlite_disk

PATIENCE_SECONDS = 60.0
_LOADED = (
    "duplicati_client.cli.task_server.run",
    "duplicati_client.taskserver.serving",
    "duplicati_client.taskserver.first",
    "duplicati_client.taskserver.places",
    "duplicati_client.taskserver.store.sqlite",
    "alembic.command",
    "alembic.runtime.migration",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvloop",
)


class Birth(NamedTuple):
    """A server that listens, and its administrator's token on a first start; `url` is empty if it died before."""

    process_id: int
    url: str
    token: str | None


class TaskServerNursery:
    """Starts servers; for a `with`, at whose end those that still live are killed."""

    def __init__(self) -> None:
        self._alive: set[int] = set()

    def __enter__(self) -> TaskServerNursery:
        command = [sys.executable, "-m", "tests.task_server_nursery"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        for process_id in list(self._alive):
            self.end(process_id, signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()

    def start(self, folder: Path, *, ends_at: int = 0, words: tuple[str, ...] = ()) -> Birth:
        """Start `task-server run` on a folder, or with these words on another database."""
        told = self._ask({"folder": str(folder), "ends_at": ends_at, "words": words})
        ready = told["ready"] or {}
        self._alive.add(told["process_id"])
        return Birth(told["process_id"], ready.get("URL", ""), ready.get("AdminToken"))

    def init(self, folder: Path) -> str:
        """Let `task-server init` tell an administrator's token again that nobody has shown yet."""
        told = self._ask({"folder": str(folder), "ends_at": 0, "words": (), "verb": "init"})
        self.end(told["process_id"])
        return str(told["ready"]["AdminToken"])

    def end(self, process_id: int, number: int = 0) -> int:
        """Wait until a server is gone, after a signal if one is given; return its steps, 0 if it was killed."""
        self._alive.discard(process_id)
        return int(self._ask({"ended": process_id, "signal": number})["steps"])

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))


def _raise_child(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _live(folder, order, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        line = said.readline()
    return {"process_id": child, "ready": json.loads(line) if line else None}


def _live(folder: Path, order: dict[str, Any], writer: int) -> None:
    """Be the task server; what it says goes to `writer`, what it complains of to a file beside its folder."""
    steps = sqlite_disk.Steps(order["ends_at"])
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(folder.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(writer, 1)
        os.dup2(log, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        if not order["words"]:
            sqlite_disk.put_under_sqlite(steps)
        where = order["words"] or ["--data", str(folder)]
        verb = ["init"] if order.get("verb") == "init" else ["run", "--listen", "127.0.0.1:0"]
        process = program.Process(os.environ, program.open_console(os.environ), input)
        program.main(["task-server", *verb, "--output", "json", *where], process)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        (folder.parent / f"steps-{os.getpid()}").write_text(str(steps.count))
        os._exit(0)


def _bury(process_id: int, number: int) -> dict[str, Any]:
    if number:
        os.kill(process_id, number)
    os.waitpid(process_id, 0)
    return {}


def main() -> None:
    """Carry out orders until there are no more."""
    for name in _LOADED:
        importlib.import_module(name)
    gc.freeze()
    folders: dict[int, Path] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            process_id = order["ended"]
            _bury(process_id, order["signal"])
            steps = folders.pop(process_id).parent / f"steps-{process_id}"
            told = {"steps": int(steps.read_text()) if steps.exists() else 0}
        else:
            told = _raise_child(Path(order["folder"]), order)
            folders[told["process_id"]] = Path(order["folder"])
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
