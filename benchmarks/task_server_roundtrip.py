"""A task given, done and known to be done, beside two queues: python -m benchmarks.task_server_roundtrip.

What is compared is the way of a task and not its work, which is none at all three. Ours goes from an operator over HTTP
through the task server to a real daemon and back; its operation, a log of 0 lines, is performed like any other that
reads, but asks Duplicati nothing. Procrastinate and Celery have an empty task, given from this process to a worker of
its own. Each is optional: `pip install procrastinate`, `pip install celery redis` and the program redis-server.

At all three a task and its result are on the disk before they are acknowledged. Ours and Procrastinate's are in a
PostgreSQL with the same settings (once more ours in SQLite), Celery's in a Redis that syncs its log with each command;
its worker acknowledges a task when the result is stored. Ours does more on the way: it knows who asks, keeps an audit,
tells what was accepted, and the daemon has a durable journal of its own. They go in turns, and whoever gave the task
learns that it is done: ours by a held request, Procrastinate's by a look into its table each millisecond, Celery's by
what Redis publishes.
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

from benchmarks.celery_worker import make_app as make_celery
from benchmarks.daemon_stage import Setting, daemon_process, has_proc, write_configuration
from benchmarks.measuring import PROGRAM, PYTHON, print_table, private_home
from benchmarks.procrastinate_worker import make_app as make_procrastinate
from benchmarks.task_server_stage import (
    POSTGRESQL,
    SQLITE,
    Answer,
    Connection,
    TaskServer,
    database,
    find_program,
    task_server,
)
from duplicati_client.http import Request, SocketTransport
from tests.sandbox_process import SandboxProcess, sandbox_process

ROUNDS = 40
OURS, PROCRASTINATE, CELERY = "task server and daemon", "Procrastinate and worker", "Celery, Redis and worker"
TASK = {"Operation": "logs", "Parameters": {"count": 0}}
ROOT = Path(__file__).parents[1]
_LOOK_SECONDS = 0.001
_PATIENCE_SECONDS, _END_SECONDS = 60.0, 10.0
Trip = Callable[[], Awaitable[float]]
Prepare = Callable[[], Awaitable[Trip]]


def main() -> int:
    """Print the table; there is no limit, for what is compared does not promise the same."""
    if not has_proc():
        print("\nA task's round trip is measured on Linux only.")
        return 0
    times = _measure()
    base = statistics.median(times[f"{OURS}, {POSTGRESQL}"])
    rows = [_row(name, found, base) for name, found in times.items()]
    head = ["round trip", "median ms", "p90 ms", "least ms", "of ours"]
    print_table(f"An empty task given, done and known to be done, {ROUNDS} times in turns", head, rows)
    return 0


def _row(name: str, found: list[float], base: float) -> list[str]:
    usual, slow = statistics.median(found), sorted(found)[int(len(found) * 0.9)]
    return [name, f"{usual:.1f}", f"{slow:.1f}", f"{min(found):.1f}", f"{usual / base:.2f}"]


def _measure() -> dict[str, list[float]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox = stack.enter_context(sandbox_process(folder))
        prepared: dict[str, Prepare] = {}
        for kind in (POSTGRESQL, SQLITE):
            server = stack.enter_context(task_server(stack.enter_context(database(kind))))
            stack.enter_context(_daemon(folder / kind, server, sandbox))
            prepared[f"{OURS}, {kind}"] = partial(_prepare_own, server)
        if _has("Procrastinate", ["procrastinate"]):
            place = stack.enter_context(database(POSTGRESQL))
            stack.enter_context(_procrastinate(place))
            prepared[PROCRASTINATE] = partial(_prepare_procrastinate, place)
        if _has("Celery", ["celery", "redis"], "redis-server"):
            prepared[CELERY] = partial(_prepare_celery, stack.enter_context(_celery(folder / "redis")))
        return asyncio.run(_travel(prepared))


def _has(name: str, packages: list[str], program: str = "") -> bool:
    """Say whether all that another one needs is there; print why it is left out."""
    missing = [f"pip install {package}" for package in packages if find_spec(package) is None]
    if program and find_program(program) is None:
        missing.append(f"apt-get install {program}")
    if missing:
        print(f"\n{name} is left out, for not all that it needs is installed: {', '.join(missing)}")
    return not missing


async def _travel(prepared: Mapping[str, Prepare]) -> dict[str, list[float]]:
    """Let all make their trips in turns; return the milliseconds of each."""
    times: dict[str, list[float]] = {name: [] for name in prepared}
    trips = {name: await asyncio.wait_for(prepare(), _PATIENCE_SECONDS) for name, prepare in prepared.items()}
    for number in range(ROUNDS + 2):
        for name, trip in trips.items():
            milliseconds = await asyncio.wait_for(trip(), _PATIENCE_SECONDS)
            if number >= 2:
                times[name].append(milliseconds)
    return times


@contextmanager
def _child(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; one that does not end by itself then is killed."""
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- ours -----------------------------------------------------------------------------------------------


@contextmanager
def _daemon(folder: Path, server: TaskServer, sandbox: SandboxProcess) -> Iterator[None]:
    """Run a daemon that came in by a code."""
    config = write_configuration(folder, Setting(server.url, sandbox.url, sandbox.password, poll_seconds=None))
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    answer = SocketTransport(server.url).send(Request("POST", "api/v1/codes", headers, b'{"Uses":1}'))
    enrol = [PROGRAM, "daemon", "enrol", f"{json.loads(answer.body)['Code']}@{server.url}", "--config", str(config)]
    with private_home() as environment:
        subprocess.run(enrol, check=True, env=environment, capture_output=True, timeout=_PATIENCE_SECONDS)
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
def _procrastinate(place: str) -> Iterator[None]:
    """Run a worker on a database that is made ready for it."""

    async def prepare() -> None:
        app, _ = make_procrastinate(place)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(prepare())
    with _child(PYTHON, "-m", "benchmarks.procrastinate_worker", place):
        yield


async def _prepare_procrastinate(place: str) -> Trip:
    import psycopg  # noqa: PLC0415 - an extra

    app, empty = make_procrastinate(place)
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


# --- Celery ---------------------------------------------------------------------------------------------


@contextmanager
def _celery(folder: Path) -> Iterator[str]:
    """Run a Redis whose every command is on the disk before it is answered, and a worker; give the Redis's socket."""
    folder.mkdir(mode=0o700)
    place, program = str(folder / "socket"), str(find_program("redis-server"))
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    with _child(program, "--port", "0", "--unixsocket", place, "--dir", str(folder), *durable) as redis:
        _wait_for_socket(place, redis)
        with _child(PYTHON, "-m", "benchmarks.celery_worker", place):
            yield place


def _wait_for_socket(place: str, process: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + _END_SECONDS
    while not Path(place).is_socket():
        if time.monotonic() > ends_at or process.poll() is not None:
            raise TimeoutError("Redis does not listen")
        time.sleep(0.02)


async def _prepare_celery(place: str) -> Trip:
    _, empty = make_celery(place)

    async def trip() -> float:
        """It blocks, each step within its own time: nobody else is on the way meanwhile."""
        started = time.perf_counter()
        empty.delay().get(timeout=_PATIENCE_SECONDS)
        return (time.perf_counter() - started) * 1000

    return trip


if __name__ == "__main__":
    sys.exit(main())
