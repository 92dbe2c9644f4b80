"""Two hundred worlds of daemon, task server and Duplicati, full of faults: nothing is lost, doubled or made up.

They are run by processes of their own; what one does depends on its seed alone, see `tests/simulation`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any, NamedTuple

import pytest

from tests.simulation.faults import FAULTS

SEEDS_COUNT = 200
PROCESSES_COUNT = 2
PATIENCE_SECONDS = 600.0


class Sweep(NamedTuple):
    """What came of all worlds: how often each kind of fault fired, and what is wrong by seed."""

    fired: Counter[str]
    wrongs: dict[str, list[str]]


def start(*arguments: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def end(process: subprocess.Popen[str]) -> str:
    try:
        said, complained = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
    assert not complained, complained[-3000:]
    return said


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    share = SEEDS_COUNT // PROCESSES_COUNT
    ranges = [f"{first}..{first + share - 1}" for first in range(1, SEEDS_COUNT, share)]
    processes = [start(span, "--json") for span in ranges]
    told: list[dict[str, Any]] = [json.loads(end(process)) for process in processes]
    fired: Counter[str] = Counter()
    for one in told:
        fired.update(one["fired"])
    return Sweep(fired, {seed: wrongs for one in told for seed, wrongs in one["wrongs"].items()})


def test_no_world_loses_doubles_or_makes_up_anything(sweep: Sweep) -> None:
    told = [
        f"{wrong}\n    see it alone: python -m tests.simulation {seed}"
        for seed, wrongs in sweep.wrongs.items()
        for wrong in wrongs
    ]
    assert not told, "\n".join(told)


def test_every_kind_of_fault_has_fired(sweep: Sweep) -> None:
    print("\n".join(f"{sweep.fired[kind]:6}  {kind}" for kind in FAULTS))
    assert [kind for kind in FAULTS if not sweep.fired[kind]] == []
    assert sorted(set(sweep.fired) - set(FAULTS)) == []


def test_world_is_a_matter_of_its_seed_alone() -> None:
    first, second = (end(start("7", hash_seed=hash_seed)) for hash_seed in ("1", "2"))
    assert first == second
    assert end(start("8")) != first
