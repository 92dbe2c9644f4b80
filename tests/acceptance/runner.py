"""Run an acceptance script's commands as a person would, in a home of its own, and compare what they say."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from tests.acceptance.script import Script, Step, expand, pattern_of, plain
from tests.shapes.checking import faults_of

STEP_TIMEOUT_SECONDS = 240
PROGRAM = Path(sys.executable).parent / "duplicati"
# How to trust a server under test is the business of whoever runs the scripts.
KEPT_VARIABLES = ("PATH", "SYSTEMROOT", "TMPDIR", "SSL_CERT_FILE", "DUPLICATI_CLIENT_CA_FILE", "DUPLICATI_CLIENT_PIN")


class Mismatch(Exception):
    """A command did not do what its script says."""


class Answer(NamedTuple):
    """What a command did."""

    status: int
    stdout: str
    stderr: str


class Background(NamedTuple):
    """A command in the background; it speaks to files, since a pipe that nobody reads is soon full."""

    process: subprocess.Popen[str]
    stdout: IO[str]
    stderr: IO[str]

    def await_word(self) -> None:
        """Wait until it has said something; raises Mismatch if it says nothing."""
        deadline = time.monotonic() + STEP_TIMEOUT_SECONDS
        while True:
            is_over = self.process.poll() is not None or time.monotonic() > deadline
            if os.fstat(self.stdout.fileno()).st_size:
                return
            if is_over:
                raise Mismatch("the command in the background says nothing")
            time.sleep(0.05)

    def finish(self) -> Answer:
        """Wait for its end and return what it said."""
        with self.stdout, self.stderr:
            ended = _finish(self.process)
            self.stdout.seek(0)
            self.stderr.seek(0)
            return Answer(ended.status, self.stdout.read(), self.stderr.read() + ended.stderr)


class Run:
    """One script's run: its home folder, its variables and at most one command in the background."""

    def __init__(self, home: Path, variables: dict[str, str], program: Path = PROGRAM) -> None:
        self.variables = variables
        self._home = home
        self._program = program
        self._background: Background | None = None

    def perform(self, step: Step) -> None:
        """Perform one step; raises Mismatch when it does something else than the script says."""
        verb, _, rest = step.command.partition(" ")
        if verb == "within":
            seconds, _, command = rest.partition(" ")
            self._retry(step._replace(command=command), float(seconds))
        elif step.command.endswith("&"):
            stdout, stderr = _open_file(), _open_file()
            process = self._start(step.command[:-1], stdout, stderr)
            self._background = Background(process, stdout, stderr)
        elif verb == "ready":
            assert self._background, "ready needs a command in the background"
            self._background.await_word()
        elif verb == "interrupt":
            assert self._background, "interrupt needs a command in the background"
            self._background.process.send_signal(signal.SIGINT)
        elif verb == "wait":
            assert self._background, "wait needs a command in the background"
            background, self._background = self._background, None
            self._judge(step, background.finish())
        else:
            self._judge(step, _finish(self._start(step.command, subprocess.PIPE, subprocess.PIPE)))

    def end(self) -> None:
        """End what a failed script left running."""
        if self._background:
            self._background.process.kill()
            self._background.finish()

    def _retry(self, step: Step, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.perform(step)
            except Mismatch:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def _start(self, command: str, stdout: int | IO[str], stderr: int | IO[str]) -> subprocess.Popen[str]:
        words = [expand(word, self.variables) for word in shlex.split(command)]
        extra = {}
        while "=" in words[0]:
            name, _, extra[name] = words.pop(0).partition("=")
        source: int | None = subprocess.DEVNULL
        if "<" in words:
            at = words.index("<")
            source = os.open(words[at + 1], os.O_RDONLY)
            del words[at : at + 2]
        if words[0] != "duplicati":
            raise Mismatch(f"only duplicati can be run, not {words[0]}")
        try:
            return subprocess.Popen(
                [str(self._program), *words[1:]],
                stdin=source,
                stdout=stdout,
                stderr=stderr,
                text=True,
                encoding="utf-8",
                env={**environment(self._home), **extra},
                cwd=self._home,
            )
        finally:
            if source not in (None, subprocess.DEVNULL):
                os.close(source)

    def _judge(self, step: Step, answer: Answer) -> None:
        found = pattern_of(step.stdout, self.variables).fullmatch(plain(answer.stdout))
        if answer.status not in step.statuses:
            raise Mismatch(_report(step, answer, f"exit status {answer.status}, not {_either(step.statuses)}"))
        if not found:
            raise Mismatch(_report(step, answer, "stdout differs from:\n" + "\n".join(step.stdout)))
        for absent in step.absent:
            if expand(absent, self.variables) in answer.stdout + answer.stderr:
                raise Mismatch(_report(step, answer, f"must not be seen: {absent}"))
        for fault in faults_of(answer.stdout, is_whole="--columns" not in step.command):
            raise Mismatch(_report(step, answer, f"the JSON is not as documented: {fault}"))
        for missing in self._missing_talk(step, answer.stderr):
            raise Mismatch(_report(step, answer, f"stderr has no line (in order) like: {missing}"))
        self.variables.update({name: value for name, value in found.groupdict().items() if value is not None})

    def _missing_talk(self, step: Step, stderr: str) -> Iterator[str]:
        if step.stderr == () and stderr.strip():
            yield "(nothing)"
        lines = iter(plain(stderr).splitlines(keepends=True))
        for expected in step.stderr or ():
            pattern = pattern_of((expected,), self.variables)
            if not any(pattern.fullmatch(line) for line in lines):
                yield expected


def run_script(script: Script, variables: dict[str, str]) -> None:
    """Run a script from its first step to its last; raises Mismatch at the first difference."""
    with tempfile.TemporaryDirectory(prefix="duplicati-acceptance-") as home, running(Path(home), variables) as run:
        wrong = Path(home) / "wrong-password"
        wrong.write_text("certainly-not-the-password\n", encoding="utf-8")
        run.variables["WRONG_PASSWORD_FILE"] = str(wrong)
        for step in script.steps:
            try:
                run.perform(step)
            except Mismatch as mismatch:
                raise Mismatch(f"{script.name}.txt:{step.line}: {mismatch}") from None


@contextmanager
def running(home: Path, variables: dict[str, str]) -> Iterator[Run]:
    run = Run(home, dict(variables))
    try:
        yield run
    finally:
        run.end()


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which the program finds and leaves everything below one folder."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    return {**kept, **folders, "HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "160", "NO_COLOR": "1"}


def _finish(process: subprocess.Popen[str]) -> Answer:
    remark = ""
    try:
        stdout, stderr = process.communicate(timeout=STEP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        remark = f"\n(killed after {STEP_TIMEOUT_SECONDS} s)"
    return Answer(process.returncode, stdout or "", (stderr or "") + remark)


def _open_file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")


def _either(statuses: tuple[int, ...]) -> str:
    return " or ".join(str(status) for status in statuses)


def _report(step: Step, answer: Answer, difference: str) -> str:
    parts = [difference, f"$ {step.command}", answer.stdout.rstrip()]
    parts += [f"! {line}" for line in answer.stderr.splitlines()]
    return "\n".join(part for part in [*parts, f"[{answer.status}]"] if part)
