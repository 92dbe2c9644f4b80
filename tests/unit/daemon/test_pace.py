"""When to try again: backoff, the slow lane, a fleet that comes back, and a machine that slept."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from duplicati_client.daemon.answers import Away, CredentialRefused, InstanceConflict, NotTaken, Undecodable
from duplicati_client.daemon.pace import Gaps, Pace, wait


def longest(*failures: Exception, interval_seconds: float = 300.0) -> list[float]:
    pace = Pace(lambda low, high: high, interval_seconds)
    return [pace.fail(failure) for failure in failures]


def test_the_first_retry_is_spread_and_then_the_time_doubles_up_to_a_minute() -> None:
    assert longest(*[Away("x")] * 8, interval_seconds=2) == [2, 4, 8, 16, 32, 60, 60, 60]
    assert longest(*[Away("x")] * 6, interval_seconds=10) == [10, 10, 10, 16, 32, 60]
    assert longest(*[Away("x")] * 3, interval_seconds=300) == [30, 60, 60]


@pytest.mark.parametrize(("interval_seconds", "first"), [(10, 10), (300, 30), (0, 1)])
def test_the_first_retry_is_within_the_interval_and_half_a_minute(interval_seconds: float, first: float) -> None:
    assert longest(Away("x"), interval_seconds=interval_seconds) == [first]


def test_the_shortest_wait_is_none_at_all() -> None:
    pace = Pace(lambda low, high: low)
    assert [pace.fail(Away("x")) for _ in range(3)] == [0, 0, 0]


def test_only_a_success_starts_over() -> None:
    pace = Pace(lambda low, high: high)
    for _ in range(5):
        pace.fail(Undecodable("a portal"))
    assert pace.fail(Away("x")) == 60
    pace.succeed()
    assert pace.fail(Away("x")) == 30


def test_what_the_server_asks_for_is_waited_for_and_a_little_more() -> None:
    low, high = Pace(lambda low, high: low), Pace(lambda low, high: high)
    failure = Away("x", retry_after_seconds=120)
    assert low.fail(failure) == 120
    assert high.fail(failure) == 150


def test_a_refused_credential_is_asked_after_from_one_to_fifteen_minutes() -> None:
    assert longest(*[CredentialRefused("x")] * 7) == [60, 120, 240, 480, 900, 900, 900]
    shortest = Pace(lambda low, high: low)
    assert shortest.fail(CredentialRefused("x")) == 60
    assert longest(InstanceConflict("x")) == [60]


def test_what_is_not_taken_is_tried_each_hour() -> None:
    assert longest(NotTaken("x"), NotTaken("x")) == [3600, 3600]


def test_a_million_failures_overflow_nothing() -> None:
    pace = Pace(random.Random(1).uniform)
    pace._failures_count = 1_000_000
    pace._kind = None
    assert 0 <= pace.fail(Away("x")) <= 60
    pace._failures_count = 1_000_000
    assert 0 <= pace.fail(Away("x")) <= 60


@pytest.mark.parametrize(("count", "interval_seconds"), [(5000, 100), (1500, 30), (500, 10)])
@pytest.mark.parametrize("outage_seconds", [1, 5, 60, 600])
def test_a_fleet_comes_back_without_a_stampede(count: int, interval_seconds: float, outage_seconds: float) -> None:
    """G12: half of it in 30 s, 99 of 100 in 60 s, at most 200 requests a second; the interval is what it is told."""
    chance = random.Random(20)
    asked: Counter[int] = Counter()
    back_after_seconds = []
    for _ in range(count):
        pace, at = Pace(chance.uniform, interval_seconds), 0.0
        while at < outage_seconds:
            at += pace.fail(Away("gone"))
        asked[int(at - outage_seconds)] += 1
        back_after_seconds.append(at - outage_seconds)
    back_after_seconds.sort()
    print(f"peak {max(asked.values())} a second, half in {back_after_seconds[count // 2]:.0f} s")
    assert back_after_seconds[count // 2] <= 30
    assert back_after_seconds[count * 99 // 100] <= 60
    assert max(sum(asked[at + more] for more in range(5)) / 5 for at in range(60)) <= 200
    assert max(asked.values()) <= 220, "in one second chance adds something to the rate"


def test_a_suspended_machine_is_noticed_once() -> None:
    boot, awake = [100.0], [50.0]
    gaps = Gaps(lambda: boot[0], lambda: awake[0])
    boot[0] += 5
    awake[0] += 5
    assert gaps.find_seconds() == 0
    boot[0] += 3600
    assert gaps.find_seconds() == 3600
    assert gaps.find_seconds() == 0


def test_a_halt_is_noticed_by_whoever_looks_first_and_told_once() -> None:
    at = [0.0]
    gaps = Gaps(lambda: at[0], lambda: at[0])
    gaps.tick()
    at[0] += 600
    assert gaps.peek_seconds() == 600
    gaps.tick()
    at[0] += 5
    gaps.tick()
    assert gaps.find_seconds() == 600
    assert gaps.find_seconds() == 0


def test_no_halt_is_told_of_where_nobody_ticks() -> None:
    at = [0.0]
    gaps = Gaps(lambda: at[0], lambda: at[0])
    at[0] += 600
    assert gaps.find_seconds() == 0


def test_a_wait_ends_early_where_the_machine_slept_through_its_end() -> None:
    at, held = [0.0], []

    def hold(seconds: float) -> bool:
        held.append(seconds)
        at[0] += seconds if len(held) == 1 else 3600
        return False

    wait(hold, 900, boot=lambda: at[0])
    assert held == [5, 5]


def test_a_wait_ends_when_its_event_comes() -> None:
    held: list[float] = []
    wait(lambda seconds: held.append(seconds) is None, 900, boot=lambda: 0.0)
    assert held == [5]


def test_the_real_clocks_agree_while_nobody_sleeps() -> None:
    gaps = Gaps()
    assert gaps.find_seconds() < 1
