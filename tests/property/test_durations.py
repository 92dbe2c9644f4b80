"""Durations: any text is read or refused, what is shown can be typed, and units add up."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.cli.output.cells import format_duration
from duplicati_client.durations import parse_duration, parse_future, parse_moment, parse_past

LETTERS = st.text(alphabet="0123456789.-+ :wdhmsTZtomorw")
ANYTHING = st.text() | LETTERS
NOWS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))
UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


@given(ANYTHING)
def test_any_text_is_a_bounded_duration_or_refused(text: str) -> None:
    with suppress(errors.InvalidValue):
        assert 0 <= parse_duration(text) <= 100 * 366 * 86400


@given(st.integers(0, 10**8))
def test_what_is_shown_can_be_typed(seconds: int) -> None:
    shown = format_duration(seconds)
    assert abs(parse_duration(shown) - seconds) < (3600 if "d" in shown else 60)
    assert format_duration(parse_duration(shown)) == shown


@given(st.dictionaries(st.sampled_from(list(UNITS)), st.integers(0, 1000), min_size=1), st.sampled_from(["", " "]))
def test_units_add_up_from_the_largest_to_the_smallest(parts: dict[str, int], gap: str) -> None:
    ordered = [unit for unit in UNITS if unit in parts]
    text = gap.join(f"{parts[unit]}{unit}" for unit in ordered)
    assert parse_duration(text) == sum(parts[unit] * UNITS[unit] for unit in ordered)
    assert parse_duration(text.upper()) == parse_duration(text)


@given(st.integers(0, 10**9))
def test_bare_number_is_seconds(seconds: int) -> None:
    assert parse_duration(str(seconds)) == parse_duration(f"{seconds}s") == seconds


@given(ANYTHING, NOWS)
def test_any_text_is_an_aware_moment_or_refused(text: str, now: datetime) -> None:
    for parse in (parse_moment, parse_future, parse_past):
        with suppress(errors.InvalidValue):
            found = parse(text, now)
            assert found.tzinfo is not None
            assert parse is not parse_future or found > now


@given(NOWS, st.integers(0, 23), st.integers(0, 59))
def test_time_of_day_ahead_is_within_a_day_or_so(now: datetime, hour: int, minute: int) -> None:
    ahead = (parse_future(f"{hour}:{minute:02}", now) - now).total_seconds()
    assert 0 < ahead <= 26 * 3600
