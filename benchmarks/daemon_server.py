"""A task server that answers at once, as a process of its own, so that what is measured is the daemon.

It keeps its tasks in dictionaries and answers a request in some tens of microseconds; a program tells it over HTTP
which tasks there are, and asks what became of them.
"""

from __future__ import annotations

import json
import re
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.measuring import PYTHON
from duplicati_client.http import Request, SocketTransport

ROOT = Path(__file__).parents[1]
_PAGE_COUNT = 500
_LEASE_SECONDS = 120.0
_LENGTH = re.compile(rb"(?i)\ncontent-length: *(\d+)")
_WAIT = re.compile(rb"(?i)\nprefer: *wait=(\d+)")


class TaskServerProcess:
    """A running task server as the measuring program sees it."""

    def __init__(self, url: str, process_id: int) -> None:
        self.url = url
        self.process_id = process_id
        self._transport = SocketTransport(url)

    def give(self, count: int, operation: str, resources: list[dict[str, Any]] | None = None) -> None:
        """Put so many tasks into the queue, numbered on."""
        body = json.dumps({"Count": count, "Operation": operation, "Resources": resources or []}).encode()
        self._transport.send(Request("POST", "bench/give", {}, body))

    def be_deaf(self) -> None:
        """Answer no result any more."""
        self._transport.send(Request("POST", "bench/deaf"))

    def read(self) -> dict[str, Any]:
        """Return the counts of requests by route and of results by status, and when the last things happened.

        `At` holds seconds of the monotonic clock by name: `asked` is when the poll came that was answered with the news
        of the tasks given last, `ended` when the last terminal result came, `polled` when the first poll of all did.
        """
        return dict(json.loads(self._transport.send(Request("GET", "bench/read")).body))


@contextmanager
def task_server_process(level: int) -> Iterator[TaskServerProcess]:
    """Serve on loopback until the block ends."""
    command = [PYTHON, "-m", "benchmarks.daemon_server", str(level)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield TaskServerProcess(process.stdout.readline().strip(), process.pid)
        finally:
            process.terminate()


class _Queue:
    """The tasks and what is known of them."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.turn = threading.Condition()
        self.open: dict[int, bytes] = {}
        self.leased_until: dict[int, float] = {}
        self.given_count = 0
        self.ends: dict[int, str] = {}
        self.counts: dict[str, int] = {}
        self.at: dict[str, float] = {}
        self.is_deaf = False

    def give(self, told: dict[str, Any]) -> None:
        with self.turn:
            for _ in range(told["Count"]):
                self.given_count += 1
                members = {"ID": self.given_count, "Operation": told["Operation"], "Resources": told["Resources"]}
                self.open[self.given_count] = json.dumps(members).encode()
            self.at.pop("asked", None)
            self.turn.notify_all()

    def read(self) -> bytes:
        with self.turn:
            by_status: dict[str, int] = {}
            for status in self.ends.values():
                by_status[status] = by_status.get(status, 0) + 1
            return json.dumps({"Requests": self.counts, "Ends": by_status, "At": self.at}).encode()

    def find_offerable(self, after: int = 0) -> list[int]:
        at = time.monotonic()
        return [number for number in self.open if number > after and self.leased_until.get(number, 0.0) <= at]

    def poll(self, wait_seconds: float) -> tuple[int, bytes]:
        came_at = time.monotonic()
        with self.turn:
            self.at.setdefault("polled", came_at)
            has_tasks = bool(self.find_offerable()) or (
                wait_seconds > 0 and self.turn.wait_for(self.find_offerable, wait_seconds)
            )
            if has_tasks:
                self.at.setdefault("asked", came_at)
        return (303 if has_tasks else 304), b""

    def hand_out(self, query: str) -> tuple[bytes, str]:
        asked = parse_qs(query)
        with self.turn:
            waiting = self.find_offerable(int(asked.get("after", ["0"])[0]))
            page = waiting[: int(asked.get("limit", [_PAGE_COUNT])[0])] if self.level else waiting
            until = time.monotonic() + _LEASE_SECONDS
            self.leased_until |= dict.fromkeys(page, until) if self.level else {}
            has_more = len(page) < len(waiting)
            return b"[" + b",".join(self.open[number] for number in page) + b"]", str(page[-1]) if has_more else ""

    def take_result(self, number: int, body: bytes) -> bytes:
        result = json.loads(body)
        with self.turn:
            self.open.pop(number, None)
            recorded = "recorded"
            if result["Status"] != "accepted":
                recorded = "duplicate" if number in self.ends else "recorded"
                self.ends[number] = result["Status"]
                self.at["ended"] = time.monotonic()
        receipt = {"ID": number, "Status": result["Status"], "Recorded": recorded}
        return json.dumps(receipt).encode() if self.level else b""


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    queue: _Queue

    def handle(self) -> None:
        while head := self._read_head():
            method, target, _ = head.split(b" ", 2)
            length = _LENGTH.search(head)
            body = self.rfile.read(int(length[1])) if length else b""
            wait = _WAIT.search(head)
            self._answer(method.decode(), target.decode(), body, float(wait[1]) if wait else 0.0)

    def _read_head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _answer(self, method: str, target: str, body: bytes, wait_seconds: float) -> None:
        queue, parts = self.queue, urlsplit(target)
        route = "result" if parts.path.endswith("/result") else parts.path.rpartition("/")[2]
        queue.counts[route] = queue.counts.get(route, 0) + 1
        status, answer, link = 200, b"", ""
        if route == "status":
            status, answer = queue.poll(wait_seconds if queue.level else 0.0)
        elif route == "tasks":
            answer, after = queue.hand_out(parts.query)
            link = f'Link: <{parts.path}?after={after}>; rel="next"\r\n' if after else ""
        elif route == "result" and queue.is_deaf:
            threading.Event().wait()
        elif route == "result":
            answer = queue.take_result(int(parts.path.split("/")[-2]), body)
        elif route == "heartbeat":
            answer = b'{"Cancel":[]}'
        elif route == "give":
            queue.give(json.loads(body))
        elif route == "deaf":
            queue.is_deaf = True
        elif route == "read":
            answer = queue.read()
        else:
            status = 204
        self._send(status, answer, link)

    def _send(self, status: int, answer: bytes, link: str) -> None:
        level = "Duplicati-Task-Protocol: 1\r\n" if self.queue.level else ""
        length = "" if status in (204, 304) else f"Content-Length: {len(answer)}\r\n"
        head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n{level}{link}{length}\r\n"
        self.wfile.write(head.encode() + answer)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: daemons are killed."""


def main(level: int) -> None:
    """Serve until the end; prints the address."""
    handler = type("Handler", (_Handler,), {"queue": _Queue(level)})
    with _Server(("127.0.0.1", 0), handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
