"""The stage of the demonstration: a folder that is removed, programs in the background, commands that are shown."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from duplicati_client.cli.program import TETHERED

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".demo"
PROGRAM = Path(sys.executable).parent / "duplicati"
READY_WITHIN_SECONDS = 20
MEANINGS = {
    0: "success",
    2: "finished with warnings",
    3: "finished with errors",
    4: "failed",
    5: "stopped before its end",
    77: "not allowed",
}


class DemoFailed(Exception):
    """A command did not end as the demonstration has to show it."""


class Server(NamedTuple):
    """The server to talk to and the file with its password."""

    url: str
    password_file: Path


def say(text: str) -> None:
    """Print a sentence between the commands."""
    print(f"\n# {text}", flush=True)


def command(*words: str, ends_with: int | None = 0) -> None:
    """Print a command, let it write to this terminal, and tell how it ended."""
    show(*words)
    with _begin(*words) as process:
        status = process.wait()
    tell_end(status, ends_with)


def tell_end(status: int, ends_with: int | None) -> None:
    """Print an exit status that is worth a word; raises `DemoFailed` where it is another than it has to be."""
    if status or ends_with != 0:
        print(f"[exit status {status}{f': {MEANINGS[status]}' if status in MEANINGS else ''}]", flush=True)
    if ends_with is not None and status != ends_with:
        raise DemoFailed(f"exit status {status} where {ends_with} was expected")


def read(*words: str) -> str:
    """Run a command without showing it, and return its answer."""
    found = subprocess.run(
        [PROGRAM, *words, "--quiet"], env=environment(), cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True
    )
    return found.stdout


def show(*words: str, is_in_background: bool = False) -> None:
    """Print a command as a person would have typed it."""
    print(f"\n$ {shlex.join(['duplicati', *words])}{' &' if is_in_background else ''}", flush=True)


def start(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Start a command in the background; a session of its own keeps a Ctrl-C that is meant for another from it."""
    return _begin(*words, start_new_session=True, **options)


def _begin(*words: str, **options: Any) -> subprocess.Popen[str]:
    """Start a command that ends with this program, also when this one is killed."""
    named = [*TETHERED, str(FOLDER), *words]
    return subprocess.Popen(named, env=environment(), cwd=ROOT, text=True, stdin=subprocess.PIPE, **options)


def stop(process: subprocess.Popen[str]) -> None:
    """End a program in the background."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(*words: str) -> Iterator[dict[str, str]]:
    """Run a server in the background, and give the line in which it says that it is ready."""
    process = start(*words, stdout=subprocess.PIPE)
    try:
        yield _read_ready(process)
    finally:
        stop(process)


def _read_ready(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(READY_WITHIN_SECONDS)
    line = process.stdout.readline()
    signal.alarm(0)
    if not line:
        raise DemoFailed("a server did not start")
    ready: dict[str, str] = json.loads(line)
    return ready


def keep_secret(name: str, secret: str) -> Path:
    """Put a secret into a file that only this user reads."""
    file = FOLDER / name
    file.touch(0o600)
    file.write_text(f"{secret}\n", encoding="utf-8")
    return file


@contextlib.contextmanager
def working_folder() -> Iterator[None]:
    """Give a folder for everything there is, which is removed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "tmp").mkdir(parents=True)
    FOLDER.chmod(0o700)
    try:
        yield
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


@contextlib.contextmanager
def running_sandbox() -> Iterator[Server]:
    """Show the start of a sandbox, and run it."""
    words = ["sandbox", "--data", ".demo/server", "--output", "json"]
    say("A sandbox server, which behaves like a real one of release 2.3.1, starts in the background.")
    show(*words, is_in_background=True)
    with running(*words) as ready:
        print(json.dumps(ready), flush=True)
        yield Server(ready["URL"], keep_secret("password", ready["Password"]))
    say("The sandbox has stopped.")


def environment() -> dict[str, str]:
    """Return an environment in which nothing is read from or written to the person's own folders."""
    home = FOLDER / "home"
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUPLICATI", "PYTHON"))}
    return {**kept, **folders, "HOME": str(home), "TMPDIR": str(FOLDER / "tmp")}


def shorten(path: Path) -> str:
    """Return a path as it is written from the project's folder."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
