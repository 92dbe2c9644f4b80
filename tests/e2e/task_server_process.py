"""Start a task server as a process of its own, talk to it as daemons and operators do, and stop exactly that one."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.sandbox_process import PROGRAM

START_SECONDS = 60.0
PATIENCE_SECONDS = 60.0
FREE_PORT = "127.0.0.1:0"


class Answer(NamedTuple):
    """What came back; header names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


class TaskServerProcess(NamedTuple):
    """A running task server: its address, its administrator's token (on the first start), and its process."""

    url: str
    token: str | None
    process: subprocess.Popen[str]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request; `_` in a header's name is a hyphen, a redirection is not followed."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", body, named, method=method)
        # Nothing but this handler: no proxies, no redirections, no status that is an exception.
        opener = urllib.request.OpenerDirector()
        opener.add_handler(urllib.request.HTTPHandler())
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return _read(answer)

    def ask_as(self, token: str | None, method: str, path: str, value: Any = None) -> Answer:
        """Send one request with a bearer token and a body of JSON."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if value is None:
            return self.ask(method, path, **headers)
        return self.ask(method, path, json.dumps(value).encode(), Content_Type="application/json", **headers)


def _read(answer: Any) -> Answer:
    """Read an answer; of a stream, which has no end, only the head."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    is_stream = headers.get("content-type", "").startswith("text/event-stream")
    return Answer(answer.status, headers, b"" if is_stream else answer.read())


@contextmanager
def task_server_process(folder: Path, listen: str = FREE_PORT, *options: str) -> Iterator[TaskServerProcess]:
    """Run `duplicati task-server run` on a folder; a process that is still there at the end is killed."""
    where = ("--listen", listen, "--data", str(folder), *options)
    command = [str(PROGRAM), "task-server", "run", *where, "--output", "json"]
    with (
        (folder.parent / "log").open("a", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            yield read_ready(process)
        finally:
            process.kill()


def read_ready(process: subprocess.Popen[str]) -> TaskServerProcess:
    """Wait until a process with `--output json` says that it is ready."""
    ready = json.loads(_read_line(process))
    return TaskServerProcess(ready["URL"], ready.get("AdminToken"), process)


def _read_line(process: subprocess.Popen[str]) -> str:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
    return lines.get(timeout=START_SECONDS)


class Terminal:
    """A home folder of its own in which commands are run."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUPLICATI_", "XDG_"))}
        self._environ = {**kept, "HOME": str(home)}

    def run(self, *words: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the program with these words."""
        return subprocess.run(
            [str(PROGRAM), *words],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.home,
            env={**self._environ, **environ},
            input=stdin,
            timeout=PATIENCE_SECONDS,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start the program with these words."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([str(PROGRAM), *words], text=True, cwd=self.home, env=self._environ, **pipes)

    def tell(self, *words: str, stdin: str = "") -> str:
        """Run the program, which has to end with 0; return its answer."""
        ended = self.run(*words, stdin=stdin)
        assert ended.returncode == 0, (words, ended.returncode, ended.stdout, ended.stderr)
        return ended.stdout

    def log_in(self, server: TaskServerProcess, name: str, secret: str, *options: str) -> str:
        """Log in with a token or a password that lies in a file."""
        file = self.home / f"{name}.secret"
        file.touch(0o600)
        file.write_text(f"{secret}\n", encoding="utf-8")
        return self.tell("login", server.url, "--name", name, "--password-file", str(file), *options)
