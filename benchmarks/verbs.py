"""What each verb takes to its first request, as a ratio to `list backups`: python -m benchmarks.verbs."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measuring import PROGRAM, PYTHON, print_table, private_home, verdict
from duplicati_client.cli.verbs import VERBS
from tests.sandbox_process import sandbox_process

ROUNDS = 15
LIMIT = 1.1
YARDSTICK = "list"
DEADLINE_SECONDS = 10.0
WORDS = {
    "list": ["backups"],
    "get": ["backup", "1"],
    "describe": ["backup", "1"],
    "run": ["1"],
    "verify": ["1"],
    "repair": ["1"],
    "compact": ["1"],
    "vacuum": ["1"],
    "dismiss": ["all"],
    "edit": ["backup", "1", "--yes"],
    "set": ["backup", "1", "name=Documents"],
    "completion": ["bash"],
}
# What a verb loads for its work, beyond what every verb needs, is taken off: a text to write, an editor to open it in.
WORK = {"edit": "yaml, textwrap, pathlib, subprocess, tempfile"}
EVERY_VERB = "import duplicati_client.cli.commands.list, duplicati_client.sdk.client"
# These ask no server: the whole call counts.
LOCAL = ("config", "completion")
# Its start is the start of a server.
LEFT_OUT = ("sandbox",)


def main() -> int:
    """Print the table; the status is 1 if a verb is over the limit."""
    with tempfile.TemporaryDirectory() as folder, private_home() as environment:
        address, password_file = _log_in(Path(folder), environment)
        words = WORDS | {"login": [f"http://{address[0]}:{address[1]}", "--password-file", str(password_file)]}
        commands = {verb: [PROGRAM, verb, *words.get(verb, [])] for verb in VERBS if verb not in LEFT_OUT}
        with socket.create_server(address) as listener:
            times = _measure(commands, environment | {"EDITOR": "true"}, listener)
    loads = {verb: times[f"{verb} loads"] - times["all load"] for verb in WORK}
    ratios = {verb: (times[verb] - loads.get(verb, 0.0)) / times[YARDSTICK] for verb in commands}
    rows = [
        [verb, f"{times[verb]:.1f}", _show(loads.get(verb)), f"{ratio:.2f}", f"{LIMIT:.1f}", verdict(ratio, LIMIT)]
        for verb, ratio in ratios.items()
    ]
    print_table(
        f"Processor time of a cold process to its first request, median of {ROUNDS}; ratio to list backups",
        ["verb", "ms", "less", "ratio", "limit", ""],
        rows,
    )
    return int(any(ratio > LIMIT for ratio in ratios.values()))


def _show(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.1f}"


def _log_in(folder: Path, environment: Mapping[str, str]) -> tuple[tuple[str, int], Path]:
    """Store a session with a sandbox that is gone afterwards; return where it was, and its password."""
    with sandbox_process(folder) as server:
        login = [PROGRAM, "login", server.url, "--password-file", str(server.password_file)]
        subprocess.run(login, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # What the session does not hold yet, such as the server's version, is asked for once.
        subprocess.run([PROGRAM, "status"], env=environment, check=True, stdout=subprocess.DEVNULL)
        parts = urlsplit(server.url)
        return (str(parts.hostname), int(parts.port or 0)), Path(server.password_file)


def _measure(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], listener: socket.socket
) -> dict[str, float]:
    """Return milliseconds by name; those of imports are named as `main` reads them."""
    imports = {f"{verb} loads": [PYTHON, "-c", f"{EVERY_VERB}, {libraries}"] for verb, libraries in WORK.items()}
    imports["all load"] = [PYTHON, "-c", EVERY_VERB]
    times: dict[str, list[float]] = {name: [] for name in (*commands, *imports)}
    for round_number in range(ROUNDS + 1):
        for name, command in {**commands, **imports}.items():
            is_local = name in LOCAL or name in imports
            seconds = _time(command, environment, None if is_local else listener)
            if round_number:
                times[name].append(seconds * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def _time(command: Sequence[str], environment: Mapping[str, str], listener: socket.socket | None) -> float:
    """Return the processor time until the process has connected, and end it then; without a listener until its end."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    has_connected = listener is None or _wait_for_connection(listener, process)
    # Waited for here and not by `subprocess`, which does not tell what a single process used.
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    if not has_connected:
        raise RuntimeError(f"no request came of {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime


def _wait_for_connection(listener: socket.socket, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process connects, and kill it in any case before it can see its connection closed."""
    listener.settimeout(DEADLINE_SECONDS)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        os.kill(process.pid, signal.SIGKILL)
        return False
    os.kill(process.pid, signal.SIGKILL)
    connection.close()
    _drop_the_rest(listener)
    return True


def _drop_the_rest(listener: socket.socket) -> None:
    """Forget what a process sent beyond its first request."""
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()


if __name__ == "__main__":
    sys.exit(main())
