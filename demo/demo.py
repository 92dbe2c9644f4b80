"""Show the program at work: real commands and their real output, against a sandbox server or against one of yours."""

from __future__ import annotations

import argparse
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
from typing import NamedTuple

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
}


class DemoFailed(Exception):
    """A command did not end as the demonstration has to show it."""


class Server(NamedTuple):
    """The server to talk to and the file with its password."""

    url: str
    password_file: Path


def main() -> int:
    """Run the demonstration; nothing of it is left running or lies outside `.demo`, which is removed."""
    arguments = _parser().parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        with working_folder():
            if arguments.server:
                show_own_server(Server(arguments.server, arguments.password_file.resolve()), arguments.run)
            else:
                with running_sandbox() as server:
                    show_sandbox(server)
    except DemoFailed as failure:
        print(f"\nThe demonstration stopped: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def show_sandbox(server: Server) -> None:
    """Show the whole thread: log in, look, run a backup of each kind, log out."""
    _log_in(server)
    say("Which backups does the server have, and how did they go?")
    _command("list", "backups")
    _command("get", "backup", "1")
    say("Run one and follow it to its end.")
    _run("1", ends_with=0, is_live=True)
    say("This one ends with warnings, and its exit status says so to a script.")
    _run("Photos", ends_with=2)
    say("And this one fails.")
    _run("Database", ends_with=4)
    _command("list", "backups")
    _command("logout")


def show_own_server(server: Server, run: str | None) -> None:
    """Show the same on a server of yours; a backup runs only if it was named."""
    _log_in(server)
    _command("status")
    _command("list", "backups")
    backup_id = run or _first_backup_id()
    if backup_id:
        _command("get", "backup", backup_id)
    if run:
        _run(run, ends_with=None, is_live=True)
    else:
        say("Nothing was run: name a backup with RUN=NAME for that.")
    _command("logout")


def say(text: str) -> None:
    """Print a sentence between the commands."""
    print(f"\n# {text}", flush=True)


def _log_in(server: Server) -> None:
    _command("login", server.url, "--password-file", _short(server.password_file))


def _run(backup: str, *, ends_with: int | None, is_live: bool = False) -> None:
    # Without a terminal there is no line of progress to look at, but the lines for scripts show the same.
    live = ["--output", "json"] if is_live and not sys.stdout.isatty() else []
    _command("run", backup, "--wait", *live, ends_with=ends_with)


def _command(*words: str, ends_with: int | None = 0) -> None:
    """Print a command, let it write to this terminal, and tell how it ended."""
    print(f"\n$ {shlex.join(['duplicati', *words])}", flush=True)
    status = subprocess.run(
        [PROGRAM, *words], env=environment(), cwd=ROOT, check=False, stdin=subprocess.DEVNULL
    ).returncode
    if status or ends_with != 0:
        print(f"[exit status {status}{f': {MEANINGS[status]}' if status in MEANINGS else ''}]", flush=True)
    if ends_with is not None and status != ends_with:
        raise DemoFailed(f"exit status {status} where {ends_with} was expected")


def _first_backup_id() -> str | None:
    command = [PROGRAM, "list", "backups", "--output", "ids"]
    found = subprocess.run(command, env=environment(), cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    return next(iter(found.stdout.split()), None)


@contextlib.contextmanager
def working_folder() -> Iterator[None]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "tmp").mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


@contextlib.contextmanager
def running_sandbox() -> Iterator[Server]:
    words = ["sandbox", "--data", ".demo/server", "--output", "json"]
    say("A sandbox server, which behaves like a real one of release 2.3.1, starts in the background.")
    print(f"\n$ {shlex.join(['duplicati', *words])} &", flush=True)
    # A session of its own keeps Ctrl-C from reaching it before the command that is being shown.
    process = subprocess.Popen(
        [PROGRAM, *words], env=environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield _ready(process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        say("The sandbox has stopped.")


def _ready(process: subprocess.Popen[str]) -> Server:
    assert process.stdout
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(READY_WITHIN_SECONDS)
    line = process.stdout.readline()
    signal.alarm(0)
    if not line:
        raise DemoFailed("the sandbox did not start")
    print(line.rstrip(), flush=True)
    ready = json.loads(line)
    password_file = FOLDER / "password"
    password_file.touch(0o600)
    password_file.write_text(ready["Password"] + "\n", encoding="utf-8")
    return Server(ready["URL"], password_file)


def environment() -> dict[str, str]:
    """Return an environment in which nothing is read from or written to the person's own folders."""
    home = FOLDER / "home"
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUPLICATI", "PYTHON"))}
    return {**kept, **folders, "HOME": str(home), "TMPDIR": str(FOLDER / "tmp")}


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", metavar="URL", help="your own server instead of a sandbox")
    parser.add_argument("--password-file", type=Path, metavar="FILE")
    parser.add_argument("--run", metavar="NAME", help="a backup to run on your own server")
    return parser


if __name__ == "__main__":
    sys.exit(main())
