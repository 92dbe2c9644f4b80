"""The power fails under a whole daemon before every durable step: nothing is lost, doubled or made up.

The daemon is a process on the model of a disk; what the power cut leaves of that is what the next one starts with. The
steps are counted, not listed.
"""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_process import Life, Nursery
from tests.daemon_stage import Stage, stage
from tests.fault.test_daemon_crash_points import give

SEED = 20261124
ROUNDS_COUNT = 8
PAIRS_COUNT = 6


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started


class Disk:
    """The disk of one daemon over its lives, in a file; `kinds` says what power cuts have done to it."""

    def __init__(self, path: Path) -> None:
        self.kinds: set[str] = set()
        self._path = path

    def live(self, on: Stage, nursery: Nursery, **options: Any) -> Life:
        life = nursery.live(on.config, disk={"path": str(self._path), **options})
        self.kinds.update(pickle.loads(self._path.read_bytes())[1])
        return life

    def live_to_rest(self, on: Stage, nursery: Nursery) -> None:
        for _ in range(ROUNDS_COUNT):
            life = self.live(on, nursery)
            if not life.left_count and not life.pending_count:
                return
        raise AssertionError(f"it does not come to rest: {life}")


def check(on: Stage, tasks: dict[Any, int | None], disk: Disk, where: str) -> int:
    """Return how many ends say that the outcome is not known; only a torn record may leave that."""
    failed = [end for task_id in tasks for end in on.find_ends(task_id) if end["Status"] == "error"]
    unknown = [end for end in failed if end["Data"].get("Code") == "outcome-unknown"]
    is_torn = "unsynced bytes torn" in disk.kinds
    wrongs = on.find_wrongs(tasks) + [end for end in failed if not is_torn or end not in unknown]
    assert wrongs == [], (where, sorted(disk.kinds))
    return len(unknown)


def sweep(on: Stage, nursery: Nursery, folder: Path, stride: int = 1, block_bytes: int = 64) -> Counter[str]:
    """Cut the power before each `stride`th step in turn, until a round is over before; return what that has done."""
    fired: Counter[str] = Counter()
    for number in range(1, 300):
        tasks, disk = give(on, number), Disk(folder / f"disk-{number}")
        cut = {"cut_at": number * stride, "seed": SEED + number, "block_bytes": block_bytes}
        if not disk.live(on, nursery, **cut).has_died:
            return fired
        disk.live_to_rest(on, nursery)
        where = f"power cut at step {number * stride} (seed {SEED + number})"
        fired["outcome unknown"] += check(on, tasks, disk, where)
        fired["power cut"] += 1
        fired.update(disk.kinds)
    raise AssertionError("it has no end")


def tell(fired: Counter[str]) -> None:
    print(", ".join(f"{kind}: {count}" for kind, count in sorted(fired.items())))


def test_power_cut_at_any_step_loses_doubles_and_makes_up_nothing(tmp_path: Path, nursery: Nursery) -> None:
    with stage(tmp_path / "daemon") as on:
        fired = sweep(on, nursery, tmp_path)
    tell(fired)
    assert fired["power cut"] > 20
    for kind in ("unsynced bytes lost", "unsynced bytes cut", "unsynced bytes torn", "unsynced bytes kept"):
        assert fired[kind], kind


@pytest.mark.parametrize(("version", "level", "stride"), [("2.3.1", 1, 6), ("2.0.8", 0, 7)])
def test_power_cut_is_as_harmless_at_both_levels_and_with_both_generations(
    tmp_path: Path, nursery: Nursery, version: str, level: int, stride: int
) -> None:
    with stage(tmp_path / "daemon", version=version, level=level) as on:
        fired = sweep(on, nursery, tmp_path, stride, block_bytes=512)
    tell(fired)
    assert fired["power cut"] > 2


def test_second_power_cut_while_the_first_is_recovered_from_is_as_harmless(tmp_path: Path, nursery: Nursery) -> None:
    fired: Counter[str] = Counter()
    chance = random.Random(SEED)
    with stage(tmp_path / "daemon") as on:
        for number in range(1, PAIRS_COUNT + 1):
            tasks, disk = give(on, number), Disk(tmp_path / f"disk-{number}")
            pair = chance.randint(4, 18), chance.randint(1, 6)
            for at in pair:
                fired["power cut"] += disk.live(on, nursery, cut_at=at, seed=SEED + number + at).has_died
            disk.live_to_rest(on, nursery)
            fired["outcome unknown"] += check(on, tasks, disk, where=f"power cuts {pair} (seed {SEED + number})")
            fired.update(disk.kinds)
    tell(fired)
    assert fired["power cut"] > PAIRS_COUNT
