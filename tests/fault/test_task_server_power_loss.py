"""The power fails under the task server's SQLite at any moment: what was acknowledged by then is there afterwards.

All that SQLite writes and syncs is kept as a list. What the disk may hold after a power cut is made from it: what was
synced, and of what was not any part, in pieces of a sector, in any order. `TASK_SERVER_POWER_CUTS` is how many.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.protocol.result import Result, Status
from duplicati_client.taskserver.records import Draft
from tests import sqlite_disk
from tests.contract.store_stage import StoreStage, opened
from tests.sqlite_disk import Asked, Record

CUTS_COUNT = int(os.environ.get("TASK_SERVER_POWER_CUTS", "120"))
DAEMONS_COUNT = 8
ROUNDS_COUNT = 40
SECTOR_BYTES = 512
SEED = 20261130

pytestmark = pytest.mark.skipif(not sqlite_disk.is_possible(), reason="Python has a SQLite of its own here")


class Promise(NamedTuple):
    """What was acknowledged of a task after so many steps of the disk: its state, and the data of its end."""

    steps_count: int
    daemon_id: str
    number: int
    state: str
    data: dict[str, Any] | None


class History(NamedTuple):
    """What the disk held before, all that was asked of it since, and what was promised on the way."""

    before: dict[str, bytes]
    steps: Sequence[Asked]
    promises: list[Promise]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    place = tmp_path_factory.mktemp("power") / "store.db"
    with opened(str(place)) as stage:
        daemons = [stage.add_daemon(f"d-{number}") for number in range(DAEMONS_COUNT)]
    before = {str(path): path.read_bytes() for path in place.parent.iterdir() if not path.name.endswith("-shm")}
    record = Record()
    take_away = sqlite_disk.put_under_sqlite(record)
    try:
        stage = StoreStage(str(place))
        promises = stage.run(_work(stage, daemons, record))
        steps = list(record.steps)
        stage.close()
    finally:
        take_away()
    return History(before, steps, promises)


async def _work(stage: StoreStage, daemons: Sequence[str], record: Record) -> list[Promise]:
    """Let daemons get tasks and end them, all at once, and note each promise with how far the disk was."""
    promises: list[Promise] = []

    async def live(daemon_id: str) -> None:
        tasks = stage.store.tasks

        def promise(number: int, state: str, data: dict[str, Any] | None = None) -> None:
            promises.append(Promise(len(record.steps), daemon_id, number, state, data))

        for turn in range(ROUNDS_COUNT):
            (task,) = await tasks.create([Draft(daemon_id, {"Operation": "status", "Turn": turn})], "somebody")
            promise(task.number, "pending")
            await tasks.hand_out(daemon_id, 0, 10, timedelta(seconds=120))
            await tasks.record(daemon_id, Result(task.number, Status.ACCEPTED, {}, 1))
            promise(task.number, "accepted")
            data = {"Text": "x" * (turn % 7) * 900}
            await tasks.record(daemon_id, Result(task.number, Status.COMPLETED, data, 1))
            promise(task.number, "completed", data)

    await asyncio.gather(*(live(daemon_id) for daemon_id in daemons))
    return promises


class Disk:
    """Files as they may be after the power failed at a step; `kinds` counts what happened to what was not synced."""

    def __init__(self, history: History, cut_at: int, chance: random.Random, kinds: Counter[str]) -> None:
        self.files = {path: bytearray(data) for path, data in history.before.items()}
        self._chance, self._kinds = chance, kinds
        for path in {step.path for step in history.steps[:cut_at]}:
            own = [step for step in history.steps[:cut_at] if step.path == path]
            synced_count = max((place + 1 for place, step in enumerate(own) if step.what == "sync"), default=0)
            for step in own[:synced_count]:
                self._apply(step)
            self._apply_some(own[synced_count:])

    def _apply(self, step: Asked) -> None:
        file = self.files.setdefault(step.path, bytearray())
        if step.what == "write":
            file.extend(bytes(max(step.at - len(file), 0)))
            file[step.at : step.at + len(step.data)] = step.data
        elif step.what == "truncate":
            del file[step.at :]

    def _apply_some(self, steps: Sequence[Asked]) -> None:
        """Let nothing, all, whole steps or mere sectors of what was not synced be there."""
        mode = self._chance.choice(("lost", "there", "some", "torn")) if steps else "nothing to lose"
        self._kinds[mode] += 1
        for step in steps:
            if mode == "there" or (mode == "some" and self._chance.random() < 0.5):
                self._apply(step)
            elif mode == "torn":
                for piece in _split(step):
                    if self._chance.random() < 0.5:
                        self._apply(piece)

    def write(self, folder: Path) -> Path:
        """Put the files into a folder; return the database's path."""
        folder.mkdir()
        for path, data in self.files.items():
            (folder / Path(path).name).write_bytes(data)
        return folder / "store.db"


def _split(step: Asked) -> list[Asked]:
    """Return a write in pieces that end where sectors do."""
    if step.what != "write":
        return [step]
    pieces, start = [], 0
    while start < len(step.data):
        end = min(len(step.data), start + SECTOR_BYTES - (step.at + start) % SECTOR_BYTES)
        pieces.append(step._replace(at=step.at + start, data=step.data[start:end]))
        start = end
    return pieces


_ORDER = ("pending", "offered", "accepted", "completed")


def find_broken(database: Path, promises: Sequence[Promise]) -> list[str]:
    """Open what is left and return what is not as promised."""
    connection = sqlite3.connect(database)
    try:
        broken = [row[0] for row in connection.execute("pragma integrity_check") if row[0] != "ok"]
        rows = connection.execute("select daemon_id, number, state, result from tasks").fetchall()
    finally:
        connection.close()
    found = {(daemon_id, number): (state, result) for daemon_id, number, state, result in rows}
    for promise in promises:
        state, result = found.get((promise.daemon_id, promise.number), ("lost", None))
        is_there = state in _ORDER and _ORDER.index(state) >= _ORDER.index(promise.state)
        if not is_there or (promise.data is not None and json.loads(result) != promise.data):
            broken.append(f"{promise} is {state}")
    return broken


def test_power_cut_at_any_step_takes_nothing_that_was_acknowledged(history: History, tmp_path: Path) -> None:
    chance, kinds = random.Random(SEED), Counter[str]()
    broken, kept_count = {}, 0
    for turn in range(CUTS_COUNT):
        cut_at = chance.randint(1, len(history.steps))
        promised = [promise for promise in history.promises if promise.steps_count <= cut_at]
        kept_count += len(promised)
        database = Disk(history, cut_at, chance, kinds).write(tmp_path / str(turn))
        if found := find_broken(database, promised):
            broken[cut_at] = found[:3]
    print(f"{CUTS_COUNT} power cuts in {len(history.steps)} steps, {kept_count} promises kept; {dict(kinds)}")
    assert broken == {}
    assert min(kinds[kind] for kind in ("lost", "there", "some", "torn")) > 0


def test_store_goes_on_after_a_power_cut(history: History, tmp_path: Path) -> None:
    chance, kinds = random.Random(SEED + 1), Counter[str]()
    for turn in range(4):
        cut_at = chance.randint(len(history.steps) // 2, len(history.steps))
        database = Disk(history, cut_at, chance, kinds).write(tmp_path / str(turn))
        with opened(str(database)) as stage:
            daemon = stage.run(stage.store.daemons.get_by_name("d-0"))
            assert daemon is not None
            known = {p.number for p in history.promises if p.daemon_id == daemon.daemon_id and p.steps_count <= cut_at}
            (number,) = stage.give(daemon.daemon_id)
            assert number > max(known)
            assert stage.run(stage.store.register.check_audit()) is None


def test_what_is_cut_includes_times_when_the_log_is_moved_into_the_database(history: History) -> None:
    written = Counter(Path(step.path).name for step in history.steps if step.what == "write")
    assert written["store.db"] > 0
    assert written["store.db-wal"] > 1000
