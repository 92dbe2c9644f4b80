"""What the durations and moments that a person types mean, and which of them are refused."""

from __future__ import annotations

from datetime import datetime

import pytest

from duplicati_client import errors
from duplicati_client.durations import parse_duration, parse_future, parse_moment, parse_past
from tests.unit.cli.stage import in_zone

NOW = datetime.fromisoformat("2026-07-10T12:00:00+00:00")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("15 min", 900),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("2d", 172_800),
        ("7D", 604_800),
        ("1w 1d", 691_200),
        ("2 hours 5 minutes", 7500),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["h", "5 parsecs", "1..5", "tomorrow", "1h30", "30m1h", "5m5m", "1e5", "inf", "nan", "٣", "1h-5m", "PT1H"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidValue, match="this is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("-5", "a duration cannot be negative: -5"),
        ("-1h30m", "a duration cannot be negative: -1h30m"),
        ("9999999d", "too long"),
        ("9" * 5000, "not a duration"),
    ],
)
def test_refusal_says_what_is_wrong_and_gives_examples(text: str, message: str) -> None:
    with pytest.raises(errors.InvalidValue, match=message) as caught:
        parse_duration(text)
    assert "1h30m" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:00", "2026-07-10T18:00:00+02:00"),
        ("9:05:30", "2026-07-10T09:05:30+02:00"),
        ("today 23:59", "2026-07-10T23:59:00+02:00"),
        ("tomorrow", "2026-07-11T00:00:00+02:00"),
        ("Tomorrow  07:00", "2026-07-11T07:00:00+02:00"),
        ("yesterday 07:00", "2026-07-09T07:00:00+02:00"),
        ("2026-12-24", "2026-12-24T00:00:00+01:00"),
        ("2026-12-24T18:00", "2026-12-24T18:00:00+01:00"),
        ("2026-12-24 18:00Z", "2026-12-24T18:00:00+00:00"),
        ("2026-12-24t18:00:00-05:00", "2026-12-24T18:00:00-05:00"),
        ("now", "2026-07-10T12:00:00+00:00"),
    ],
)
def test_moments_without_a_zone_are_local(text: str, moment: str) -> None:
    with in_zone("Europe/Berlin"):
        assert parse_moment(text, NOW) == datetime.fromisoformat(moment)


def test_tomorrow_is_the_local_day_after_today_also_when_it_is_another_day_in_london() -> None:
    late = datetime.fromisoformat("2026-07-10T22:30:00+00:00")
    with in_zone("Europe/Berlin"):
        assert parse_moment("tomorrow 07:00", late) == datetime.fromisoformat("2026-07-12T07:00:00+02:00")


def test_clock_time_keeps_its_hour_over_a_change_of_the_clocks() -> None:
    before = datetime.fromisoformat("2026-10-24T12:00:00+02:00")
    with in_zone("Europe/Berlin"):
        assert parse_moment("tomorrow 07:00", before) == datetime.fromisoformat("2026-10-25T07:00:00+01:00")


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "12:60", "tomorrow 7", "tomorrow tomorrow", "1h30m", "2026-13-01"]
)
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(errors.InvalidValue, match="this is not a time") as caught:
        parse_moment(text, NOW)
    assert "tomorrow 07:00" in (caught.value.hint or "")


def test_time_of_day_that_is_over_means_the_next_one() -> None:
    with in_zone("UTC"):
        assert parse_future("11:00", NOW) == datetime.fromisoformat("2026-07-11T11:00:00+00:00")
        assert parse_future("13:00", NOW) == datetime.fromisoformat("2026-07-10T13:00:00+00:00")


@pytest.mark.parametrize("text", ["today 11:00", "2026-07-10T11:00Z", "yesterday", "now"])
def test_moment_that_is_over_cannot_lie_ahead(text: str) -> None:
    with in_zone("UTC"), pytest.raises(errors.InvalidValue, match="over already"):
        parse_future(text, NOW)


def test_past_is_a_moment_or_an_age() -> None:
    with in_zone("UTC"):
        assert parse_past("2d", NOW) == datetime.fromisoformat("2026-07-08T12:00:00+00:00")
        assert parse_past("yesterday 18:00", NOW) == datetime.fromisoformat("2026-07-09T18:00:00+00:00")
        with pytest.raises(errors.InvalidValue, match="neither a time nor an age"):
            parse_past("soon", NOW)
