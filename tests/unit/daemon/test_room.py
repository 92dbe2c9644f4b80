"""Why no new task is taken: each reason by itself, in the words that a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.daemon.loopbench import LoopBench

RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}


@pytest.fixture
def bench(tmp_path: Path) -> LoopBench:
    return LoopBench(tmp_path / "daemon")


def test_nothing_stands_against_a_new_task_where_there_is_room(bench: LoopBench) -> None:
    room = bench.daemon.room
    assert room.find_obstacle() is None
    assert room.is_half_free()
    assert room.count_free() == bench.config.in_flight_count


def test_disk_that_is_nearly_full_or_takes_nothing_is_told_before_what_is_open(bench: LoopBench) -> None:
    room = bench.daemon.room
    bench.folder.room_bytes = (1 << 20, 100 << 30)
    assert room.is_below_floor()
    assert room.find_obstacle() == "the disk is nearly full"
    assert room.find_fullness() is None


def test_as_many_as_may_be_open_are_told_with_the_setting_that_says_so(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon")
    bench.config = bench.config._replace(in_flight_count=2)
    bench.daemon = type(bench.daemon)(bench._make_parts(), bench.daemon.ruling.policy)
    bench.daemon.begin()
    bench.tasks.give(*({"ID": number, **RUN} for number in (1, 2, 3)))
    bench.daemon.take_turn()
    room = bench.daemon.room
    assert room.find_obstacle() == "2 are open, as many as may be (in_flight under [limits])"
    assert (room.count_free(), room.is_half_free()) == (0, False)
