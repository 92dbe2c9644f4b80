"""What it costs to watch a server on a screen while a backup runs: python -m benchmarks.watching [SECONDS].

Ten minutes of it: python -m benchmarks.watching 600. Only on Linux, which tells a process's time and memory in /proc.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.following import WithoutLongPoll
from benchmarks.measuring import PROGRAM, print_table, private_home, verdict
from duplicati_client.cli.call import Process
from duplicati_client.cli.console import open_console
from duplicati_client.cli.main import main as perform
from duplicati_client.http import ConnectionSettings, SocketTransport, Transport
from tests.sandbox_process import sandbox_process

WINDOW_SECONDS = 25.0
SETTLE_SECONDS = 8.0
CORE_PERCENT_MAX = 2.0
REQUESTS_A_SECOND_MAX = 1.0
# The interpreter takes memory in pieces of a MiB and touches the last one bit by bit, which ends; what is kept for good
# shows as blocks of memory in use, of which every object is one at least. Some hundreds come while its own caches fill
# (2000 requests in a row: 124 in the first 400, 2 in the last); two objects kept a second are 1200 in ten minutes.
GROWTH_KIB_MAX = 1536
GROWTH_BLOCKS_MAX = 1000
ROWS, COLUMNS = 24, 80
FILES_COUNT = 400


class Way(NamedTuple):
    """A way to hear of what happens: the release of the sandbox, and what does not work there."""

    name: str
    release: str
    has_long_poll: bool = True


class Cost(NamedTuple):
    """What watching cost; growth is what there is at the end minus what there was after the beginning."""

    core_percent: float
    requests_a_second: float
    memory_kib: int
    growth_kib: int
    growth_blocks: int
    written_bytes_a_second: float


WAYS = (
    Way("WebSocket", "2.3.1"),
    Way("long poll", "2.1"),
    Way("long poll, legacy", "2.0.8"),
    Way("polling", "2.1", has_long_poll=False),
)


def main(window_seconds: float = WINDOW_SECONDS) -> int:
    """Watch in every way side by side, and print the table; the status is 1 if a limit was missed."""
    if not Path("/proc/self/statm").exists():
        print("\nWatching is measured on Linux only.")
        return 0
    costs: dict[Way, Cost] = {}

    def measure(way: Way) -> None:
        costs[way] = _measure(way, window_seconds)

    threads = [threading.Thread(target=measure, args=(way,)) for way in WAYS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = ["way", "sandbox", "% of a core", "limit", "", "requests/s", "limit", ""]
    head += ["MiB", "growth KiB", "limit", "", "growth blocks", "limit", "", "written B/s"]
    rows = [_row(way, costs[way]) for way in WAYS]
    print_table(f"Watching a backup on a screen of {COLUMNS} by {ROWS} for {window_seconds:.0f} s", head, rows)
    return int(any("MISSED" in row for row in rows))


def _row(way: Way, cost: Cost) -> list[str]:
    cells = [way.name, way.release, f"{cost.core_percent:.2f}"]
    cells += [f"{CORE_PERCENT_MAX:.0f}", verdict(cost.core_percent, CORE_PERCENT_MAX)]
    cells += [f"{cost.requests_a_second:.2f}"]
    cells += [f"{REQUESTS_A_SECOND_MAX:.0f}", verdict(cost.requests_a_second, REQUESTS_A_SECOND_MAX)]
    cells += [f"{cost.memory_kib / 1024:.0f}", str(cost.growth_kib)]
    cells += [str(GROWTH_KIB_MAX), verdict(cost.growth_kib, GROWTH_KIB_MAX)]
    cells += [str(cost.growth_blocks), str(GROWTH_BLOCKS_MAX), verdict(cost.growth_blocks, GROWTH_BLOCKS_MAX)]
    return [*cells, f"{cost.written_bytes_a_second:.0f}"]


def _measure(way: Way, window_seconds: float) -> Cost:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = stack.enter_context(private_home())
        definition = _write_definition(folder, window_seconds + 2 * SETTLE_SECONDS)
        options = ("--version", way.release, "--definitions", str(definition))
        sandbox = stack.enter_context(sandbox_process(folder, *options))
        command = [PROGRAM, "run", "1", "--server", sandbox.url, "--password-file", str(sandbox.password_file)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        watcher = stack.enter_context(_watcher(way, sandbox.url, sandbox.password_file, environment, folder))
        watcher.read_for(SETTLE_SECONDS)
        began = watcher.measure()
        watcher.read_for(window_seconds)
        ended = watcher.measure()
    seconds = ended.at - began.at
    return Cost(
        core_percent=(ended.cpu_seconds - began.cpu_seconds) / seconds * 100,
        requests_a_second=(ended.requests_count - began.requests_count) / seconds,
        memory_kib=ended.memory_kib,
        growth_kib=ended.memory_kib - began.memory_kib,
        growth_blocks=ended.blocks_count - began.blocks_count,
        written_bytes_a_second=(ended.written_bytes - began.written_bytes) / seconds,
    )


def _write_definition(folder: Path, seconds: float) -> Path:
    """Define a backup of many files that takes this long."""
    source = folder / "source"
    source.mkdir()
    for number in range(FILES_COUNT):
        (source / f"file-{number:04}.txt").write_bytes(b"x" * 5000)
    settings = {"encryption-module": "", "--no-encryption": "true", "--sandbox-seconds": f"{seconds:.0f}"}
    backup = {
        "Name": "Documents",
        "TargetURL": f"file://{folder}/destination",
        "Sources": [f"{source}/"],
        "Settings": [{"Name": name, "Value": value} for name, value in settings.items()],
    }
    path = folder / "definitions.json"
    path.write_text(json.dumps([{"Backup": backup, "Schedule": None}]), encoding="utf-8")
    return path


class Reading(NamedTuple):
    """What a process has used until now."""

    at: float
    cpu_seconds: float
    memory_kib: int
    blocks_count: int
    requests_count: int
    written_bytes: int


class Watcher:
    """The watching process behind its terminal."""

    def __init__(self, process_id: int, terminal: int, requests: Path) -> None:
        self.process_id = process_id
        self._terminal = terminal
        self._requests = requests
        self._written_bytes = 0

    def read_for(self, seconds: float) -> None:
        """Take what it writes, as a terminal does."""
        os.set_blocking(self._terminal, False)
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            time.sleep(0.1)
            try:
                self._written_bytes += len(os.read(self._terminal, 1 << 20))
            except BlockingIOError:
                continue

    def measure(self) -> Reading:
        """Read what it has used."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        cpu_seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        pages = int(Path(f"/proc/{self.process_id}/statm").read_text().split()[1])
        memory_kib = pages * os.sysconf("SC_PAGE_SIZE") // 1024
        requests_count = self._requests.stat().st_size
        return Reading(
            time.monotonic(), cpu_seconds, memory_kib, self._count_blocks(), requests_count, self._written_bytes
        )

    def _count_blocks(self) -> int:
        """Ask the process, which answers a signal with a file."""
        answer = self._requests.with_suffix(".blocks")
        answer.unlink(missing_ok=True)
        os.kill(self.process_id, signal.SIGUSR1)
        while not answer.exists():
            time.sleep(0.01)
        return int(answer.read_text())


@contextmanager
def _watcher(way: Way, url: str, password_file: Path, environment: dict[str, str], folder: Path) -> Iterator[Watcher]:
    requests = folder / "requests"
    requests.touch()
    words = [sys.executable, "-m", "benchmarks.watching", "--child", str(int(way.has_long_poll)), str(requests)]
    words += ["watch", "--server", url, "--password-file", str(password_file)]
    inner, outer = pty.openpty()
    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen(
        words, stdin=outer, stdout=outer, stderr=outer, env=environment | {"TERM": "xterm-256color"}
    ) as process:
        os.close(outer)
        try:
            yield Watcher(process.pid, inner, requests)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            os.close(inner)


def _be_watcher(words: list[str]) -> int:
    """Be the program, with each request counted by a byte in a file, and long polls refused if that is the way."""
    has_long_poll, requests, *words = words
    counter = os.open(requests, os.O_WRONLY | os.O_APPEND)

    def make_transport(url: str, settings: ConnectionSettings) -> Transport:
        def count(line: str) -> None:
            os.write(counter, b".")

        transport = SocketTransport(url, settings, trace=count)
        return transport if int(has_long_poll) else WithoutLongPoll(transport)

    def tell_blocks(number: int, frame: object) -> None:
        gc.collect()
        told = Path(requests).with_suffix(".told")
        told.write_text(str(sys.getallocatedblocks()))
        told.rename(told.with_suffix(".blocks"))

    signal.signal(signal.SIGUSR1, tell_blocks)
    console = open_console(os.environ)
    return perform(words, Process(os.environ, console, lambda prompt: "", make_transport))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.exit(_be_watcher(sys.argv[2:]))
    sys.exit(main(*map(float, sys.argv[1:])))
