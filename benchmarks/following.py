"""What it costs to follow a run, live and without the live connection: python -m benchmarks.following."""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import print_table, verdict
from duplicati_client import Credentials, Duplicati, errors
from duplicati_client.http import Answer, Request, SocketTransport
from tests.sandbox_process import SandboxProcess, sandbox_process

WINDOW_SECONDS = 25.0
CORE_PERCENT_MAX = 1.0
REQUESTS_A_SECOND_MAX = 1.0
BACKUP = "Archive"  # takes a minute


class Follower(NamedTuple):
    """A way to follow: the release of the sandbox and what does not work there."""

    name: str
    release: str
    has_long_poll: bool = True


class Cost(NamedTuple):
    """What a second of following cost."""

    core_percent: float
    requests_a_second: float
    items_a_second: float


FOLLOWERS = (
    Follower("WebSocket", "2.3.1"),
    Follower("long poll", "2.1"),
    Follower("long poll, legacy", "2.0.8"),
    Follower("polling", "2.1", has_long_poll=False),
)


class WithoutLongPoll:
    """A transport through which long polls fail, as through a proxy that cuts what is idle."""

    def __init__(self, inner: SocketTransport) -> None:
        self._inner = inner
        self.base_url = inner.base_url
        self.headers = inner.headers

    def send(self, request: Request) -> Answer:
        if "longpoll" in request.path:
            raise errors.ConnectionLost("a proxy cuts long polls")
        return self._inner.send(request)

    def open_socket(self, deadline_seconds: float) -> socket.socket:
        return self._inner.open_socket(deadline_seconds)

    def close(self) -> None:
        self._inner.close()


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    costs = {follower: _measure(follower) for follower in FOLLOWERS}
    rows = [_row(follower, cost) for follower, cost in costs.items()]
    head = ["way", "sandbox", "% of a core", "limit", "", "requests/s", "limit", "", "items/s"]
    print_table(f"Following a run of the sandbox for {WINDOW_SECONDS:.0f} s", head, rows)
    return int(any("MISSED" in row for row in rows))


def _row(follower: Follower, cost: Cost) -> list[str]:
    cells = [follower.name, follower.release, f"{cost.core_percent:.2f}"]
    cells += [f"{CORE_PERCENT_MAX:.0f}", verdict(cost.core_percent, CORE_PERCENT_MAX)]
    cells += [f"{cost.requests_a_second:.2f}"]
    cells += [f"{REQUESTS_A_SECOND_MAX:.0f}", verdict(cost.requests_a_second, REQUESTS_A_SECOND_MAX)]
    return [*cells, f"{cost.items_a_second:.1f}"]


def _measure(follower: Follower) -> Cost:
    with (
        tempfile.TemporaryDirectory() as folder,
        sandbox_process(Path(folder), "--version", follower.release) as sandbox,
    ):
        requests: list[str] = []
        server = _open(sandbox, follower, requests)
        backup_id = next(backup.backup_id for backup in server.backups.list() if backup.name == BACKUP)
        items = server.runs.follow(server.runs.start(backup_id))
        _settle(items)
        requests.clear()
        started, cpu = time.monotonic(), time.process_time()
        seen = 0
        while time.monotonic() - started < WINDOW_SECONDS:
            seen += next(items) is not None
        seconds = time.monotonic() - started
        cost = Cost((time.process_time() - cpu) / seconds * 100, len(requests) / seconds, seen / seconds)
        server.close()
    return cost


def _open(sandbox: SandboxProcess, follower: Follower, requests: list[str]) -> Duplicati:
    transport = SocketTransport(sandbox.url, None, trace=requests.append)
    through = transport if follower.has_long_poll else WithoutLongPoll(transport)
    return Duplicati(transport=through, credentials=Credentials(password=sandbox.password))


def _settle(items: Iterator[object]) -> None:
    """Pass over the beginning, which loads modules and opens connections."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        next(items)


if __name__ == "__main__":
    sys.exit(main())
