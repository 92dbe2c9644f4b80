"""A task server as a process of its own for measurements, databases for it, and what it is compared with."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.measuring import PROGRAM, private_home
from duplicati_client.taskserver import credentials
from duplicati_client.taskserver.places import NAME
from duplicati_client.taskserver.store.opening import DatabaseStore, open_database

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
DATABASES = (SQLITE, POSTGRESQL)
_AT_ONCE = 500
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class TaskServer(NamedTuple):
    """A running task server and its administrator's token."""

    url: str
    token: str
    process: subprocess.Popen[str]

    @property
    def place(self) -> tuple[str, int]:
        """The host and port."""
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)


def find_program(name: str) -> str | None:
    """Return where a program is, also if it is one for administrators."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_SBIN))


def tell_missing(title: str, *names: str) -> bool:
    """Print which programs a measurement lacks; True if there are any."""
    missing = [name for name in names if find_program(name) is None]
    if missing:
        print(f"\n{title} needs {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    return bool(missing)


@contextmanager
def database(kind: str) -> Iterator[str]:
    """Give an empty database's place: a path for SQLite, a URL for PostgreSQL, which runs until the block ends."""
    if kind == SQLITE:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o700)
            yield str(Path(folder) / NAME)
        return
    from tests.contract.store_stage import postgresql  # noqa: PLC0415 - takes a second, and many need none

    with postgresql() as url:
        yield url


@asynccontextmanager
async def opened(place: str) -> AsyncIterator[DatabaseStore]:
    """Open a store in this process."""
    opened_database = open_database(place, lambda: time.time_ns() // 1_000_000)
    await opened_database.open()
    try:
        yield DatabaseStore(opened_database)
    finally:
        await opened_database.close()


def add_daemons(place: str, count: int) -> list[tuple[str, str]]:
    """Add plain daemons to a store; return their ids and tokens."""

    async def add() -> list[tuple[str, str]]:
        async with opened(place) as store:
            gate = asyncio.Semaphore(_AT_ONCE)

            async def add_one(number: int) -> tuple[str, str]:
                token = credentials.make(credentials.Kind.DAEMON)
                async with gate:
                    daemon = await store.daemons.add(f"d-{number}", credentials.digest(token), {}, "benchmark")
                return daemon.daemon_id, token

            return await asyncio.gather(*(add_one(number) for number in range(count)))

    return asyncio.run(add())


@contextmanager
def task_server(place: str, *, core: int | None = None, listen: str = "127.0.0.1:0") -> Iterator[TaskServer]:
    """Run `duplicati task-server run` on a database until the block ends, on one core if one is named."""
    where = ["--database", place] if "://" in place else ["--data", str(Path(place).parent)]
    command = [*_pin(core), PROGRAM, "task-server", "run", "--listen", listen, "--output", "json", *where]
    with private_home() as environment, tempfile.TemporaryFile("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        try:
            assert process.stdout
            ready: dict[str, Any] = json.loads(process.stdout.readline())
            yield TaskServer(ready["URL"], ready.get("AdminToken") or "", process)
        finally:
            process.kill()
            process.wait()


@contextmanager
def nginx(folder: Path, *, core: int, port: int) -> Iterator[str]:
    """Run nginx that answers everything by 304, with one worker on one core; give its URL."""
    program = find_program("nginx")
    assert program is not None
    config = folder / "nginx.conf"
    config.write_text(
        "worker_processes 1;\ndaemon off;\nmaster_process off;\npid nginx.pid;\nerror_log /dev/null;\n"
        "events { worker_connections 1024; }\n"
        "http { access_log off; keepalive_requests 100000000; client_body_temp_path body; proxy_temp_path proxy;\n"
        "  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
        f"  server {{ listen 127.0.0.1:{port}; location / {{ return 304; }} }} }}\n"
    )
    command = [*_pin(core), program, "-p", str(folder), "-c", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_for_port(port: int) -> None:
    """Wait until somebody listens."""
    ends_at = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.02)


def find_free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _pin(core: int | None) -> list[str]:
    return [] if core is None else ["taskset", "-c", str(core)]


class Answer(NamedTuple):
    """An answer's status, headers by small names, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One connection of HTTP/1.1 that is kept, for one request at a time."""

    def __init__(self, place: tuple[str, int], token: str, *, level: int = 1) -> None:
        self._place = place
        more = "Duplicati-Task-Protocol: 1\r\nDuplicati-Instance: one\r\n" if level else ""
        self._head = f"Host: {place[0]}\r\nAuthorization: Bearer {token}\r\n{more}"
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, value: Any = None, **headers: str) -> Answer:
        """Send a request and read the answer; raises `OSError`, `EOFError`."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._place)
        body = b"" if value is None else json.dumps(value).encode()
        lines = [f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items()]
        if value is not None:
            lines.append(f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n")
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{''.join(lines)}\r\n".encode() + body)
        return await self._read()

    async def _read(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): text.strip() for name, _, text in pairs}
        length = 0 if status in (204, 304) else int(headers.get("content-length", "0"))
        return Answer(status, headers, await self._reader.readexactly(length) if length else b"")

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def read_memory_mebibytes(process_id: int, name: str = "VmRSS") -> float:
    """Return what a process has resident, or had at most: `VmHWM`."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024
