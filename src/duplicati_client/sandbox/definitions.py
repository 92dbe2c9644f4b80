"""The backups that a new sandbox holds: five whose names say how a run of them ends, or those of a user's file."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from .clock import Clock, whole_seconds
from .engine.engine import Engine
from .engine.failures import BadBinding, Refused

HURRIED_SPEED = 100.0
DAY_SECONDS = 86_400
PAST_RUNS = 2


class Sample(NamedTuple):
    """One backup of the five: its generated sources and what makes its runs end as they do."""

    name: str
    description: str
    file_count: int
    file_bytes: int
    settings: tuple[tuple[str, str], ...]


SAMPLES = (
    Sample("Documents", "Succeeds after a few seconds", 12, 4_000, (("--sandbox-seconds", "2"),)),
    Sample("Photos", "Ends with warnings", 6, 60_000, (("--sandbox-seconds", "1"), ("--sandbox-run", "warning"))),
    Sample("Mail", "Ends with errors", 6, 20_000, (("--sandbox-seconds", "1"), ("--sandbox-run", "error"))),
    Sample("Database", "Fails", 2, 50_000, (("--sandbox-run", "fatal"),)),
    Sample("Archive", "Takes a minute", 60, 40_000, (("--sandbox-seconds", "55"),)),
)


async def fill(engine: Engine, path: str | None) -> None:
    """Give a new engine its backups; raises ValueError for a file that holds none or wrong ones."""
    if path is not None:
        for number, definition in enumerate(read_file(path), 1):
            try:
                engine.create(definition)
            except (Refused, BadBinding) as refused:
                raise ValueError(f"definition {number} of {path} is refused: {refused or 'wrong shape'}") from None
        return
    for sample in SAMPLES:
        _create(engine, sample)
    await _run_in_the_past(engine)


def read_file(path: str) -> list[Any]:
    """Read a file of definitions: one exported backup, or a list of them; JSON, or YAML by its name.

    Raises ValueError for a file that cannot be read or holds something else.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            value = _decode(path, file.read())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    definitions = value if isinstance(value, list) else [value]
    if not definitions or not all(isinstance(item, dict) for item in definitions):
        raise ValueError(f"{path} holds no backup definitions")
    return definitions


def _decode(path: str, text: str) -> Any:
    if not path.lower().endswith((".yaml", ".yml")):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path} is no JSON: {error}") from None
    import yaml  # noqa: PLC0415 - only this needs it, and it is slow to load

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None


def _create(engine: Engine, sample: Sample) -> None:
    source = os.path.join(engine.folder, "sources", sample.name)
    _write_files(source, sample)
    target = os.path.join(engine.folder, "destinations", sample.name.lower())
    settings = (("encryption-module", ""), ("compression-module", "zip"), ("dblock-size", "10mb"))
    named = (*settings, ("--no-encryption", "true"), *sample.settings)
    schedule = None
    if sample.name == "Documents":
        tomorrow = engine.clock.now().replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=1)
        schedule = {"Time": whole_seconds(tomorrow), "Repeat": "1D"}
    backup = {
        "Name": sample.name,
        "Description": sample.description,
        "TargetURL": f"file://{quote(target)}",
        "Sources": [f"{source}/"],
        "Settings": [{"Name": name, "Value": value} for name, value in named],
        "Filters": [],
    }
    engine.create({"Backup": backup, "Schedule": schedule})


def _write_files(folder: str, sample: Sample) -> None:
    os.makedirs(folder, exist_ok=True)
    for number in range(1, sample.file_count + 1):
        line = f"{sample.name} {number} of {sample.file_count}, made for the sandbox\n".encode()
        with open(os.path.join(folder, f"{sample.name.lower()}-{number:02d}.txt"), "wb") as file:
            file.write((line * (sample.file_bytes // len(line) + 1))[: sample.file_bytes])


async def _run_in_the_past(engine: Engine) -> None:
    """Run the first backup on each of the days before, by the same engine in a hurry, as an earlier server's life."""
    backup = engine.backups["1"]
    with _days_before(engine.clock, PAST_RUNS):
        for number in range(PAST_RUNS):
            with open(os.path.join(backup.sources[0], f"diary-{number + 1}.txt"), "w", encoding="utf-8") as file:
                file.write(f"day {number + 1}\n")
            engine.enqueue("Backup", backup.backup_id)
            while engine.tasks():
                await asyncio.sleep(0.001)
            engine.clock.skip(DAY_SECONDS)
    await engine.restart()


@contextmanager
def _days_before(clock: Clock, days: int) -> Iterator[None]:
    begin_at, started, speed = clock.now(), time.monotonic(), clock.speed
    clock.skip(-days * DAY_SECONDS)
    _change_speed(clock, HURRIED_SPEED)
    try:
        yield
    finally:
        _change_speed(clock, speed)
        now = begin_at + timedelta(seconds=(time.monotonic() - started) * speed)
        clock.skip((now - clock.now()).total_seconds())


def _change_speed(clock: Clock, speed: float) -> None:
    before = clock.now()
    clock.speed = speed
    clock.skip((before - clock.now()).total_seconds())
