"""The daemon is killed twice: at a durable step, and again in its second life. Nothing is lost, doubled or made up.

The suite takes a seeded sample of the square, each first step once. DAEMON_CRASH_PAIRS=all takes the whole of it, which
lasts about half an hour; DAEMON_CRASH_PAIRS=40 takes so many of each generation.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.daemon_process import Nursery
from tests.daemon_stage import Stage, stage
from tests.fault.test_daemon_crash_points import check, give, live_to_rest

SEED = 20261124
PAIRS_COUNT = 12
CHOSEN = os.environ.get("DAEMON_CRASH_PAIRS", str(PAIRS_COUNT))
SPEED = 400.0
# A server of 2.0.8 gives each process a token, and after some hundreds none for ten minutes.
PAIRS_A_SERVER = 75
GENERATIONS = [("2.3.1", 0), ("2.0.8", 1)]


class Pair(NamedTuple):
    """When the first life dies, and when the second: at which step, and whether before or after it is made durable."""

    first: int
    first_when: str
    second: int
    second_when: str


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started


def count_steps(on: Stage, nursery: Nursery) -> int:
    """Let a life go by without a death, and return how many steps it made durable."""
    tasks = give(on, 1)
    steps_count = nursery.live(on.config).steps_count
    live_to_rest(on, nursery)
    check(on, tasks, where="no death")
    return steps_count


def choose(steps_count: int) -> list[Pair]:
    """Return the pairs of this round. What is left to do after a first death ends the sooner the later that was."""
    chance = random.Random(SEED)
    whens = ("before", "after")
    square = [
        Pair(first, first_when, second, second_when)
        for first in range(1, steps_count + 1)
        for first_when in whens
        for second in range(1, steps_count - first + 5)
        for second_when in whens
    ]
    if CHOSEN == "all":
        return square
    chosen: list[Pair] = []
    while len(chosen) < int(CHOSEN):
        for first in chance.sample(range(1, steps_count + 1), steps_count):
            chosen.append(chance.choice([pair for pair in square if pair.first == first]))
    return sorted(chosen[: int(CHOSEN)])


@pytest.mark.parametrize(("version", "level"), GENERATIONS)
def test_second_death_after_a_first_loses_doubles_and_makes_up_nothing(
    tmp_path: Path, nursery: Nursery, version: str, level: int
) -> None:
    deaths, pairs, done_count = [0, 0], [], 0
    while not pairs or done_count < len(pairs):
        with stage(tmp_path / f"daemon-{done_count}", version=version, level=level, speed=SPEED) as on:
            pairs = pairs or choose(count_steps(on, nursery))
            for number, pair in enumerate(pairs[done_count : done_count + PAIRS_A_SERVER], 2):
                tasks = give(on, number)
                deaths[0] += nursery.live(on.config, pair.first, pair.first_when).has_died
                deaths[1] += nursery.live(on.config, pair.second, pair.second_when).has_died
                live_to_rest(on, nursery)
                check(on, tasks, where=f"{pair}, seed {SEED}")
        done_count += PAIRS_A_SERVER
    print(f"seed {SEED}: {len(pairs)} pairs, died {deaths[0]} times and then {deaths[1]} times again")
    assert deaths[0] >= 0.9 * len(pairs)
    assert deaths[1] >= 0.5 * len(pairs)


@pytest.mark.parametrize(("version", "level"), GENERATIONS)
def test_task_over_which_every_life_dies_is_closed_after_the_third_and_the_others_go_on(
    tmp_path: Path, nursery: Nursery, version: str, level: int
) -> None:
    """However the daemon is brought down, it comes back, and one task does not bring it down for ever."""
    with stage(tmp_path / "daemon", version=version, level=level, speed=SPEED) as on:
        on.begin("state")
        on.tasks.give({"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 1}]})
        deaths_count = 0
        for _ in range(6):  # the process dies each time as soon as the task is under way
            life = nursery.live(on.config, fatal='"submitted"', harmless='"Deaths":3')
            deaths_count += life.has_died
            if not life.has_died:
                break
        on.tasks.give({"ID": 2, "Operation": "status"})
        live_to_rest(on, nursery)
        print(f"died {deaths_count} times")
        assert deaths_count == 3
        ends = on.find_ends(1)
        assert [(end["Status"], end["Data"]["Code"]) for end in ends] == [("error", "poison")]
        assert [end["Status"] for end in on.find_ends(2)] == ["completed"]
        assert on.count_runs(1) <= 1
        assert on.find_wrongs({1: 1, 2: None}) == []
