"""Runs the commands of a page one after the other, as a person would type them, against sandbox servers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.acceptance.runner import environment
from tests.docs.comparison import is_as_shown
from tests.docs.fences import Step

STEP_TIMEOUT_SECONDS = 30
BIN = Path(sys.executable).parent
_ADDRESS, _PASSWORD = re.compile(r"listens at (\S+)"), re.compile(r"Password: (\S+)")


class Differs(Exception):
    """A command did not do what the page shows."""


class Terminal:
    """A home folder, the exit status of the last command, and what runs in the background until the page ends.

    `names` are words of the page that stand for others here: addresses of servers, a password.
    """

    def __init__(self, home: Path, names: dict[str, str]) -> None:
        self.home = home
        self.names = dict(names)
        self._status = 0
        self._background: list[subprocess.Popen[bytes]] = []

    def type(self, step: Step) -> None:
        """Run a command and compare; a status that is not 0 has to be shown by the next command, `echo $?`."""
        if "$?" not in step.command:
            self.expect_success()
        if step.command.startswith("duplicati sandbox"):
            self._start_sandbox(step)
        elif "^C" in step.shown:
            self._interrupt(step)
        else:
            wants_password = bool(step.shown) and step.shown[0].startswith("Password for")
            output = self._run(step, self.names["the password"] if wants_password else None)
            self._compare(step, output, step.shown)

    def expect_success(self) -> None:
        """Fail if the last command did, since a page has to show that."""
        if self._status:
            raise Differs(f"exit status {self._status}, and the page does not show it")

    def close(self) -> None:
        """End what is still running, last started first."""
        for process in reversed(self._background):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()

    def _run(self, step: Step, password: str | None) -> str:
        with (self.home / ".output").open("wb") as output:
            process = self._start(step, output.fileno(), password)
            self._status = _finish(process)
        return self._read()

    def _start_sandbox(self, step: Step) -> None:
        with (self.home / ".sandbox").open("wb") as output:
            self._background.append(self._start(step, output.fileno(), None))
        told = self._await(".sandbox", ("…", "Ctrl-C ends it."))
        for pattern in (_ADDRESS, _PASSWORD):
            shown, found = pattern.search("\n".join(step.shown)), pattern.search(told)
            if shown and found:
                self.names[shown[1]] = found[1]
        self.names["the password"] = _PASSWORD.search(told)[1]
        self._compare(step, self.rename(told, back=True), step.shown)

    def _interrupt(self, step: Step) -> None:
        at = step.shown.index("^C")
        with (self.home / ".output").open("wb") as output:
            process = self._start(step, output.fileno(), None)
            self._background.append(process)
            self._await(".output", step.shown[:at])
            os.killpg(process.pid, signal.SIGINT)
            self._status = _finish(process)
        self._compare(step, self._read(), (*step.shown[:at], *step.shown[at + 1 :]))

    def _await(self, file: str, shown: tuple[str, ...]) -> str:
        deadline = time.monotonic() + STEP_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            text = (self.home / file).read_text(encoding="utf-8")
            if is_as_shown(self.rename(text, back=True), shown, is_beginning=True):
                return text
            time.sleep(0.1)
        raise Differs(f"not seen: {shown}\nbut:\n{text}")

    def _start(self, step: Step, output: int, password: str | None) -> subprocess.Popen[bytes]:
        command = ["bash", "-c", f"(exit {self._status})\n{self.rename(step.command)}"]
        if password is not None:
            command = [sys.executable, "-m", "tests.docs.typist", *command]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if password is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.home,
            start_new_session=True,
        )
        if process.stdin is not None:
            process.stdin.write(f"{password}\n".encode())
            process.stdin.close()
        return process

    def _environment(self) -> dict[str, str]:
        root = str(Path(__file__).resolve().parents[2])
        own = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120", "TERM": "dumb", "PYTHONPATH": root}
        return {**environment(self.home), **own, "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}

    def _compare(self, step: Step, output: str, shown: tuple[str, ...]) -> None:
        # Several servers answer in no order of their own.
        is_in_any_order = " --on " in step.command or " --all" in step.command
        orders = [output, "\n".join(sorted(output.splitlines()))] if is_in_any_order else [output]
        if not any(is_as_shown(text, shown) for text in orders):
            raise Differs(f"line {step.line}: $ {step.command}\nshows:\n{output}\nnot:\n" + "\n".join(shown))

    def _read(self) -> str:
        return self.rename((self.home / ".output").read_text(encoding="utf-8"), back=True)

    def rename(self, text: str, *, back: bool = False) -> str:
        """Put what is here for what the page says, or the other way round."""
        for shown, found in self.names.items():
            text = text.replace(*((found, shown) if back else (shown, found)))
        return text.replace(str(self.home), "/home/me") if back else text.replace("/home/me", str(self.home))


def _finish(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(STEP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Differs("a command did not end") from None
