"""What the policy's limits count: over restarts, for a day at most, and not fooled by a clock that is set back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duplicati_client.daemon.policy import COUNT_MAX, Question
from duplicati_client.daemon.rates import FILE, KEPT_COUNT, Rates
from tests.unit.daemon.bench import Clock, FakeFolder, FakeLog

HOURLY, DAILY = Question("calm", 3600, "main/3"), Question("few", 86_400, "main/3")


def test_what_was_accepted_within_the_time_counts_also_after_a_restart() -> None:
    clock, folder = Clock(), FakeFolder()
    rates = Rates(folder, clock.now, clock)
    rates.note([HOURLY, DAILY])
    clock.seconds += 3599
    rates.note([HOURLY, DAILY])
    for counting in (rates, Rates(folder, clock.now, clock)):
        assert (counting.count(HOURLY), counting.count(DAILY)) == (2, 2)
    clock.seconds += 2
    assert (rates.count(HOURLY), rates.count(DAILY)) == (1, 2)


def test_limits_and_backups_are_counted_apart() -> None:
    rates = Rates(FakeFolder(), Clock().now, Clock())
    rates.note([HOURLY])
    assert rates.count(HOURLY._replace(key="main/4")) == 0
    assert rates.count(HOURLY._replace(limit="other")) == 0


@pytest.mark.parametrize("days", [-3650, -1, 1, 3650])
def test_clock_that_is_set_lets_no_more_through(days: int) -> None:
    clock = Clock()
    rates = Rates(FakeFolder(), clock.now, clock)
    rates.note([HOURLY])
    clock.jump = timedelta(days=days)
    rates.note([HOURLY])
    assert rates.count(HOURLY) == 2


def test_damaged_line_counts_for_nothing_and_what_is_old_leaves_the_file() -> None:
    clock, folder = Clock(), FakeFolder()
    Rates(folder, clock.now, clock).note([HOURLY])
    folder.lines[FILE] += [b"- {broken\n", b"\xff\n", b'- {"At":"soon","Limit":"calm","Key":"main/3"}\n', b"- 3\n"]
    folder.lines[FILE] += [b'- {"At":"2026-11-24T12:00:00","Limit":"calm","Key":"main/3"}\n', b"[" * 9999 + b"\n"]
    assert Rates(folder, clock.now, clock).count(HOURLY) == 1
    clock.seconds += 86_401
    Rates(folder, clock.now, clock).note([DAILY])
    assert len(folder.read(FILE).splitlines()) == 1


def test_task_that_no_limit_counts_is_written_nowhere() -> None:
    folder = FakeFolder()
    Rates(folder, Clock().now, Clock()).note([])
    assert folder.lines == {}


def test_limit_can_be_reached_however_much_else_was_accepted_since() -> None:
    clock = Clock()
    rates = Rates(FakeFolder(), clock.now, clock)
    rates.note([DAILY])
    rates.note([Question("calm", 3600, f"main/{number}") for number in range(COUNT_MAX)])
    assert rates.count(DAILY) == 1
    rates.note([HOURLY] * (KEPT_COUNT - COUNT_MAX - 1))
    assert rates.count(DAILY) >= COUNT_MAX
    clock.seconds += 86_401
    assert (rates.count(DAILY), rates.count(HOURLY)) == (0, 0)


def test_file_stays_small_over_months_of_tasks() -> None:
    clock, folder = Clock(), FakeFolder()
    rates = Rates(folder, clock.now, clock)
    for _ in range(12):
        rates.note([HOURLY] * 5000)
        clock.seconds += 86_401
    assert len(folder.read(FILE).splitlines()) <= 2 * KEPT_COUNT + 5000
    assert Rates(folder, clock.now, clock).count(HOURLY) == 0


class FailingLog(FakeLog):
    """Writes half of a line, and fails."""

    def append(self, data: bytes) -> None:
        super().append(data[: len(data) // 2])
        raise OSError(28, "No space left on device")


class FailingFolder(FakeFolder):
    is_full = True

    def open_log(self, name: str) -> FakeLog:
        lines = self.lines.setdefault(name, [])
        return FailingLog(lines) if self.is_full else FakeLog(lines)


def test_line_that_was_cut_by_a_full_disk_spoils_no_other() -> None:
    clock, folder = Clock(), FailingFolder()
    rates = Rates(folder, clock.now, clock)
    with pytest.raises(OSError, match="No space left"):
        rates.note([HOURLY])
    assert rates.count(HOURLY) == 0
    folder.is_full = False
    rates.note([HOURLY])
    assert (rates.count(HOURLY), Rates(folder, clock.now, clock).count(HOURLY)) == (1, 1)
