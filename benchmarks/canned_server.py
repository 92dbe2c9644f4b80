"""A server with as many backups as wanted, prepared in memory; everything else it asks of a sandbox behind it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "tests" / "recordings" / "2.3.1.0" / "outcomes.jsonl"
LISTING_SEQ = 552
LOG_SEQ = 336
PASSED_ON = ("Authorization", "Cookie", "Content-Type", "Accept")


@contextmanager
def canned_server(sandbox_url: str, backups_count: int) -> Iterator[str]:
    """Serve on loopback in a process of its own until the block ends; yields the address."""
    command = [sys.executable, "-m", "benchmarks.canned_server", sandbox_url, str(backups_count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def main() -> None:
    """Serve until the end; prints the address."""
    sandbox_url, backups_count = sys.argv[1:]
    answers = {
        "/api/v1/backups": json.dumps(make_listing(int(backups_count))).encode(),
        "/log": json.dumps(_recorded(LOG_SEQ)).encode(),
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(sandbox_url).netloc, answers))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def make_listing(backups_count: int) -> list[dict[str, Any]]:
    """Return a listing of the wanted length: the twenty backups of a recorded one, each in another state, repeated."""
    recorded = _recorded(LISTING_SEQ)
    items = [recorded[number % len(recorded)] for number in range(backups_count)]
    return [
        item | {"Backup": item["Backup"] | {"ID": str(number), "Name": f"Backup of machine {number:05}"}}
        for number, item in enumerate(items, 1)
    ]


def _recorded(seq: int) -> list[dict[str, Any]]:
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["seq"] == seq:
            return list(exchange["response"]["body"]["json"])
    raise LookupError(f"no exchange {seq} in {RECORDING}")


def _handler(sandbox: str, answers: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            canned = answers.get("/log" if path.endswith("/log") else path)
            if canned is None:
                self._pass_on()
            else:
                self._answer(200, [("Content-Type", "application/json")], canned)

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: self.headers[name] for name in PASSED_ON if self.headers[name]}
            behind = http.client.HTTPConnection(sandbox, timeout=30)
            behind.request(self.command, self.path, body, headers)
            answer = behind.getresponse()
            kept = [pair for pair in answer.getheaders() if pair[0].lower() not in ("content-length", "connection")]
            self._answer(answer.status, kept, answer.read())
            behind.close()

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in [*headers, ("Content-Length", str(len(body))), ("Connection", "close")]:
                if name.lower() != "transfer-encoding":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep the table clean."""

    return Handler


if __name__ == "__main__":
    main()
