"""The daemon is killed at every step that it makes durable, and started again: nothing is lost, doubled or made up.

The steps are counted, not listed: a round that dies at its first, its second and so on until one is over before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_process import Life, Nursery
from tests.daemon_stage import Stage, stage

ROUNDS_COUNT = 8
PAIRS_COUNT = 5
SEED = 20261124


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started


def give(on: Stage, number: int) -> dict[Any, int | None]:
    """Give tasks of every fate: two that run backups, one that reads, one that is refused."""
    run, read, refused, named = (10 * number + place for place in range(4))
    on.begin(f"state-{number}")
    on.tasks.give(
        {"ID": run, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]},
        {"ID": read, "Operation": "status"},
        {"ID": refused, "Operation": "dismiss", "Parameters": {"all": True}},
        {"ID": named, "Operation": "run", "Resources": [{"Type": "backup", "Name": "Photos"}]},
    )
    return {run: 1, read: None, refused: None, named: 2}


def live_to_rest(on: Stage, nursery: Nursery) -> list[Life]:
    lives = []
    for _ in range(ROUNDS_COUNT):
        lives.append(nursery.live(on.config))
        if not lives[-1].left_count and not lives[-1].pending_count:
            return lives
    raise AssertionError(f"it does not come to rest: {lives}")


def check(on: Stage, tasks: dict[Any, int | None], *, where: str) -> None:
    wrongs = on.find_wrongs(tasks)
    failed = [end for task_id in tasks for end in on.find_ends(task_id) if end["Status"] == "error"]
    assert wrongs + failed == [], where


def sweep(on: Stage, nursery: Nursery, when: str, stride: int = 1) -> int:
    """Die at each `stride`th step in turn; return how often that was."""
    for number in range(1, 200):
        tasks = give(on, number)
        if not nursery.live(on.config, number * stride, when).has_died:
            return number - 1
        live_to_rest(on, nursery)
        check(on, tasks, where=f"{when} step {number * stride}")
    raise AssertionError("it has no end")


def test_death_at_any_step_loses_doubles_and_makes_up_nothing(tmp_path: Path, nursery: Nursery) -> None:
    with stage(tmp_path / "daemon") as on:
        deaths_count = sweep(on, nursery, "before")
    print(f"died before {deaths_count} steps")
    assert deaths_count > 15


@pytest.mark.parametrize(("version", "level", "stride"), [("2.3.1", 0, 4), ("2.3.1", 1, 6), ("2.0.8", 0, 9)])
def test_death_after_a_step_is_as_harmless_at_both_levels_and_with_both_generations(
    tmp_path: Path, nursery: Nursery, version: str, level: int, stride: int
) -> None:
    with stage(tmp_path / "daemon", version=version, level=level) as on:
        assert sweep(on, nursery, "after", stride) > 1


def test_two_deaths_are_as_harmless_as_one(tmp_path: Path, nursery: Nursery) -> None:
    chance = random.Random(SEED)
    deaths_count = 0
    with stage(tmp_path / "daemon") as on:
        for number in range(1, PAIRS_COUNT + 1):
            tasks = give(on, number)
            pair = chance.randint(4, 20), chance.randint(1, 12)
            deaths_count += sum(nursery.live(on.config, at, chance.choice(("before", "after"))).has_died for at in pair)
            live_to_rest(on, nursery)
            check(on, tasks, where=f"pair {pair}")
    print(f"died {deaths_count} times in {PAIRS_COUNT} pairs")
    assert deaths_count > PAIRS_COUNT


@pytest.mark.parametrize("at", [11, 13])
def test_server_that_is_killed_while_the_daemon_is_dead_runs_nothing_twice(
    tmp_path: Path, nursery: Nursery, at: int
) -> None:
    with stage(tmp_path / "daemon", speed=5.0) as on:
        tasks = give(on, 1)
        assert nursery.live(on.config, at, "after").has_died
        on.server.restart(kill=True)
        live_to_rest(on, nursery)
        assert on.find_wrongs(tasks) == []
