"""A task given, done and known to be done, beside Procrastinate: python -m benchmarks.task_server_roundtrip.

Ours goes from an operator over HTTP through the task server to a real daemon, which journals it, asks a sandbox of
Duplicati one question and reports; Procrastinate has an empty task, given from this process to a worker of its own.
Both keep everything in a PostgreSQL with the same settings. They are measured in turns, and whoever gave the task asks
until it is done: ours by a held request, Procrastinate's by a look into its table each millisecond.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.daemon_stage import Setting, daemon_process, has_proc, write_configuration
from benchmarks.measuring import PROGRAM, PYTHON, print_table, private_home
from benchmarks.procrastinate_worker import make_app
from benchmarks.task_server_stage import POSTGRESQL, SQLITE, Answer, Connection, TaskServer, database, task_server
from duplicati_client.http import Request, SocketTransport
from tests.sandbox_process import SandboxProcess, sandbox_process

ROUNDS = 40
OURS, OTHER = "task server and daemon", "Procrastinate and worker"
TASK = {"Operation": "status", "Resources": []}
ROOT = Path(__file__).parents[1]
_LOOK_SECONDS = 0.001
Trip = Callable[[], Awaitable[float]]


def main() -> int:
    """Print the table; there is no limit, for what is compared is not the same."""
    if not has_proc():
        print("\nA task's round trip is measured on Linux only.")
        return 0
    if find_spec("procrastinate") is None:
        print("\nProcrastinate is not installed and so not beside it: pip install procrastinate")
    times = _measure()
    base = statistics.median(times[OTHER]) if OTHER in times else None
    rows = [_row(name, found, base) for name, found in times.items()]
    head = ["round trip", "median ms", "p90 ms", "least ms", "of Procrastinate"]
    print_table(f"A task given, done and known to be done, {ROUNDS} times in turns", head, rows)
    return 0


def _row(name: str, found: list[float], base: float | None) -> list[str]:
    usual, slow = statistics.median(found), sorted(found)[int(len(found) * 0.9)]
    ratio = "" if base is None else f"{usual / base:.2f}"
    return [name, f"{usual:.1f}", f"{slow:.1f}", f"{min(found):.1f}", ratio]


def _measure() -> dict[str, list[float]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox = stack.enter_context(sandbox_process(folder))
        prepared: dict[str, Callable[[], Awaitable[Trip]]] = {}
        for kind in (POSTGRESQL, SQLITE):
            server = stack.enter_context(task_server(stack.enter_context(database(kind))))
            stack.enter_context(_daemon(folder / kind, server, sandbox))
            prepared[f"{OURS}, {kind}"] = partial(_prepare_own, server)
        if find_spec("procrastinate") is not None:
            place = stack.enter_context(database(POSTGRESQL))
            stack.enter_context(_worker(place))
            prepared[OTHER] = partial(_prepare_other, place)
        return asyncio.run(_travel(prepared))


async def _travel(prepared: Mapping[str, Callable[[], Awaitable[Trip]]]) -> dict[str, list[float]]:
    """Let all make their trips in turns; return the milliseconds of each."""
    times: dict[str, list[float]] = {name: [] for name in prepared}
    trips = {name: await prepare() for name, prepare in prepared.items()}
    for number in range(ROUNDS + 2):
        for name, trip in trips.items():
            milliseconds = await asyncio.wait_for(trip(), 60)
            if number >= 2:
                times[name].append(milliseconds)
    return times


# --- ours -----------------------------------------------------------------------------------------------


@contextmanager
def _daemon(folder: Path, server: TaskServer, sandbox: SandboxProcess) -> Iterator[None]:
    """Run a daemon that came in by a code."""
    config = write_configuration(folder, Setting(server.url, sandbox.url, sandbox.password, poll_seconds=None))
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    answer = SocketTransport(server.url).send(Request("POST", "api/v1/codes", headers, b'{"Uses":1}'))
    enrol = [PROGRAM, "daemon", "enrol", f"{json.loads(answer.body)['Code']}@{server.url}", "--config", str(config)]
    with private_home() as environment:
        subprocess.run(enrol, check=True, env=environment, capture_output=True)
    with daemon_process(config):
        yield


async def _prepare_own(server: TaskServer) -> Trip:
    operator = Connection(server.place, server.token, level=0)

    async def trip() -> float:
        started = time.perf_counter()
        made = _read(await operator.ask("POST", "/api/v1/tasks", {"Daemon": "bench", "Task": TASK}))["Items"][0]
        path, version = f"/api/v1/tasks/{made['Daemon']}/{made['ID']}", made["Version"]
        while True:
            answer = await operator.ask("GET", path, If_None_Match=f'"v{version}"', Prefer="wait=20")
            task = _read(answer) if answer.status == 200 else {"State": "pending", "Version": version}
            if task["State"] == "completed":
                return (time.perf_counter() - started) * 1000
            assert task["State"] in ("pending", "offered", "accepted"), task
            version = task["Version"]

    return trip


def _read(answer: Answer) -> Any:
    assert answer.status in (200, 201), answer
    return json.loads(answer.body)


# --- Procrastinate --------------------------------------------------------------------------------------


@contextmanager
def _worker(place: str) -> Iterator[None]:
    """Run a worker as a process of its own."""

    async def prepare() -> None:
        app, _ = make_app(place)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(prepare())
    process = subprocess.Popen(
        [PYTHON, "-m", "benchmarks.procrastinate_worker", place], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def _prepare_other(place: str) -> Trip:
    import psycopg  # noqa: PLC0415 - an extra

    app, empty = make_app(place)
    await app.open_async()
    looking = await psycopg.AsyncConnection.connect(place, autocommit=True)

    async def trip() -> float:
        started = time.perf_counter()
        number = await empty.defer_async()
        while True:
            cursor = await looking.execute("select status from procrastinate_jobs where id = %s", [number])
            if await cursor.fetchone() == ("succeeded",):
                return (time.perf_counter() - started) * 1000
            await asyncio.sleep(_LOOK_SECONDS)

    return trip


if __name__ == "__main__":
    sys.exit(main())
