"""Times of the week: over midnight, from day to day, through both changes of the clocks, in any zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from duplicati_client.daemon.windows import DAYS, WHOLE_DAY, WHOLE_WEEK, Span, Window, read_days, read_spans

MONDAY = 23  # of November 2026


def window(hours: str, days: str = "mon-sun") -> Window:
    return Window(read_days([days]), read_spans([hours]))


def at(day: str, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, MONDAY + DAYS.index(day), hour, minute, second)


def test_span_holds_from_its_first_minute_to_the_one_before_its_end() -> None:
    hours = window("09:00-17:00")
    found = [hours.holds(at("tue", *moment)) for moment in ((8, 59, 59), (9, 0), (16, 59, 59), (17, 0))]
    assert found == [False, True, True, False]


def test_span_over_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    night = window("22:00-06:00", "fri")
    assert night.holds(at("fri", 22))
    assert night.holds(at("sat", 5, 59))
    assert not night.holds(at("fri", 5))
    assert not night.holds(at("sat", 22))
    assert not night.holds(at("sat", 6))


def test_span_over_the_end_of_the_week_goes_on_on_monday() -> None:
    night = window("23:30-00:30", "sun")
    assert night.holds(at("sun", 23, 30))
    assert night.holds(at("mon", 0, 29))
    assert not night.holds(at("sun", 0, 10))
    assert not night.holds(at("mon", 23, 40))


def test_whole_day_and_whole_week_hold_always() -> None:
    always = Window(WHOLE_WEEK, WHOLE_DAY)
    assert all(always.holds(at(day, hour, 59, 59)) for day in DAYS for hour in range(24))
    assert read_spans(["00:00-24:00"]) == WHOLE_DAY


def test_days_may_go_over_the_end_of_the_week_and_be_in_capitals() -> None:
    assert read_days(["fri-mon"]) == {4, 5, 6, 0}
    assert read_days([" Tue ", "THU"]) == {1, 3}
    assert read_days(["wed-wed"]) == {2}


def test_several_spans_are_in_one_order_and_each_once() -> None:
    assert read_spans(["12:00-13:00", "01:00-02:00", "12:00-13:00"]) == (Span(60, 120), Span(720, 780))


@pytest.mark.parametrize("text", ["", "monday", "mon-", "-mon", "mon-xyz", "mon-tue-wed", "1", "mon,tue"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a day nor days"):
        read_days([text])


@pytest.mark.parametrize(
    "text",
    ["", "22-06", "22:00", "24:00-06:00", "22:60-06:00", "9:00-17:00", "1\u0669:0\u0660-20:00", "22:00\u201306:00"],
)  # fmt: skip
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not written as"):
        read_spans([text])


@pytest.mark.parametrize("text", ["00:00-00:00", "12:00-12:00", "01:00-24:30"])
def test_span_that_is_no_part_of_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no part of a day"):
        read_spans([text])


def test_long_nonsense_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="neither") as failure:
        read_days(["x" * 100_000])
    assert len(str(failure.value)) < 200


def test_window_is_written_in_one_form_whatever_the_order() -> None:
    one = Window(read_days(["tue", "mon"]), read_spans(["22:00-06:00", "01:00-02:00"]))
    other = Window(read_days(["mon-tue"]), read_spans(["01:00-02:00", "22:00-06:00"]))
    assert one.write() == other.write() == {"days": ["mon", "tue"], "hours": ["01:00-02:00", "22:00-06:00"]}


def test_hour_that_the_clocks_skip_never_comes_and_the_one_they_repeat_comes_twice() -> None:
    zone = ZoneInfo("Europe/Zurich")
    hours = window("02:00-03:00")
    spring = [datetime(2026, 3, 29, hour, minute, tzinfo=UTC) for hour in range(3) for minute in (0, 30)]
    assert [hours.holds(moment.astimezone(zone)) for moment in spring] == [False] * 6
    autumn = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in range(3)]
    assert [hours.holds(moment.astimezone(zone)) for moment in autumn] == [True, True, False]
