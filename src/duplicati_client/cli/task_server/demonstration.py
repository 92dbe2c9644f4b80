"""A sandbox server and a daemon beside it, in processes of their own, for as long as a task server runs; to try it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from ..program import PROGRAM, TETHERED

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDING_SECONDS = 10.0


class Guest(NamedTuple):
    """What the daemon is called, and the code that lets it in."""

    name: str
    code: str


class Demonstration:
    """Everything of it lies in a folder that goes with it."""

    def __init__(self, url: str, guest: Guest, environ: Mapping[str, str]) -> None:
        """`url` is where the task server listens."""
        self._url, self._guest = url, guest
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="duplicati-demo-")))
        kept = {name: value for name, value in environ.items() if not name.startswith(("DUPLICATI_", "XDG_"))}
        self._environ = {**kept, "HOME": str(self._folder)}

    def start(self) -> None:
        """Start both, once the task server answers; raises `InputOutputFailed`."""
        ready = self._start_sandbox()
        password = self._folder / "password"
        password.touch(0o600)
        password.write_text(f"{ready['Password']}\n", encoding="utf-8")
        config = str(self._folder / "daemon.toml")
        where = ("--task-server", self._url, "--server", f"main={ready['URL']}", "--password-file", str(password))
        state = ("--name", self._guest.name, "--policy", "full", "--state", str(self._folder / "state"))
        self._do("daemon", "init", "--config", config, *where, *state)
        self._do("daemon", "enrol", f"{self._guest.code}@{self._url}", "--config", config)
        self._begin("daemon", "run", "--config", config)

    def _start_sandbox(self) -> dict[str, str]:
        sandbox = self._begin("sandbox", "--data", str(self._folder / "sandbox"), "--output", "json")
        line = sandbox.stdout.readline() if sandbox.stdout is not None else ""
        if not line:
            raise errors.InputOutputFailed("the sandbox of the demonstration did not start")
        ready: dict[str, str] = json.loads(line)
        return ready

    def stop(self) -> None:
        """End both, and remove what they have kept."""
        self._stack.close()

    def _do(self, *words: str) -> None:
        command = [*PROGRAM, *words]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, env=self._environ)  # noqa: S603 - our own program
        if ended.returncode:
            raise errors.InputOutputFailed(f"the demonstration has no daemon: {ended.stderr.strip()[:300]}")

    def _begin(self, *words: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        # Ctrl-C is for the task server, which ends them afterwards; if it is killed, they notice by their stdin.
        options: dict[str, Any] = {**pipes, "text": True, "start_new_session": True}
        command = [*TETHERED, str(self._folder), *words]
        process = subprocess.Popen(command, env=self._environ, **options)  # noqa: S603 - our own program
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
