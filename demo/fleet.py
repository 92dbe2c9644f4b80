"""The demonstration's second half: a task server, two machines that nobody reaches, and a daemon that is killed."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

from stage import FOLDER, DemoFailed, command, keep_secret, read, running, say, shorten, show, start, stop, tell_end

MACHINES = {"nas": "2.3.1", "attic": "2.0.8"}
RUNNING_WITHIN_SECONDS = 20.0


def show_fleet() -> None:
    """Show it from the first start of a task server to what it knows at the end."""
    with ExitStack() as stack:
        _start_task_server(stack)
        daemons = {name: _add_machine(stack, name, release) for name, release in MACHINES.items()}
        _wait_until(_are_all_there, "the daemons did not come")
        say("Nothing reaches these two servers; they are asked through their daemons, as if they were here.")
        command("list", "backups", "--on", "office/*")
        command("run", "Documents", "--wait", "--context", "office/attic")
        say("What its owner did not allow a daemon refuses.")
        command("pause", "1h", "--context", "office/nas", ends_with=77)
        _show_death(stack, daemons["nas"])
        say("And what the task server knows of it all.")
        command("task-server", "tasks", "--context", "office")
        command("task-server", "audit", "check", "--context", "office")
    say("Everything has stopped; nothing is left behind.")


def _start_task_server(stack: ExitStack) -> None:
    words = ["task-server", "run", "--data", ".demo/tasks", "--listen", "127.0.0.1:0", "--output", "json"]
    say("A task server, in a folder of its own. Its first start makes an administrator.")
    show(*words, is_in_background=True)
    ready = stack.enter_context(running(*words))
    print(json.dumps({**ready, "AdminToken": "dco_..."}), flush=True)
    token = keep_secret("token", ready["AdminToken"])
    command("login", ready["URL"], "--name", "office", "--password-file", shorten(token))


class _Daemon:
    """A daemon in the background, which can be killed and started again."""

    def __init__(self, config: str) -> None:
        self._config = config
        self.begin()

    def begin(self) -> None:
        words = ["daemon", "run", "--config", self._config]
        show(*words, is_in_background=True)
        self._process = start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        print(f"\n$ kill -9 {self._process.pid}", flush=True)
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        stop(self._process)


def _add_machine(stack: ExitStack, name: str, release: str) -> _Daemon:
    say(f"A machine called {name} with Duplicati {release}, and a daemon beside it. A code lets it in, once.")
    ready = stack.enter_context(running("sandbox", "--version", release, "--output", "json"))
    code = read("task-server", "code", "--name", name, "--label", f"site={name}", "--context", "office").strip()
    show("task-server", "code", "--name", name, "--label", f"site={name}", "--context", "office")
    print("dce_...@...", flush=True)
    password = keep_secret(f"{name}.password", ready["Password"])
    config = shorten(FOLDER / f"{name}.toml")
    where = ("--task-server", code.partition("@")[2], "--server", f"main={ready['URL']}")
    state = ("--state", shorten(FOLDER / f"{name}-state"))
    secret = ("--password-file", shorten(password))
    command("daemon", "init", "--config", config, *where, *secret, "--name", name, "--policy", "run", *state)
    command("daemon", "enrol", code, "--config", config)
    daemon = _Daemon(config)
    stack.callback(daemon.end)
    return daemon


def _are_all_there() -> bool:
    told = read("task-server", "daemons", "--output", "csv", "--columns", "presence", "--context", "office")
    return told.count("online") == len(MACHINES)


def _show_death(stack: ExitStack, daemon: _Daemon) -> None:
    before = _count_runs()
    say("A run far away, and in the midst of it the daemon is killed.")
    words = ["run", "Documents", "--wait", "--context", "office/nas"]
    show(*words, is_in_background=True)
    run = start(*words)
    stack.callback(stop, run)
    _wait_until(_is_running, "the run did not begin")
    daemon.kill()
    daemon.begin()
    tell_end(run.wait(60), 0)
    counted = _count_runs() - before
    if counted != 1:
        raise DemoFailed(f"{counted} runs were counted where one was asked for")
    say("The daemon found in its journal what it had begun: the backup ran once, nothing is lost, nothing doubled.")


def _is_running() -> bool:
    return "running" in read("list", "tasks", "--output", "csv", "--context", "office/nas")


def _count_runs() -> int:
    told = json.loads(read("list", "logs", "Documents", "--output", "json", "--context", "office/nas"))
    return sum(line["source"] == "Backup" for line in told["items"])


def _wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    ends_at = time.monotonic() + RUNNING_WITHIN_SECONDS
    while not holds():
        if time.monotonic() > ends_at:
            raise DemoFailed(otherwise)
        time.sleep(0.1)
