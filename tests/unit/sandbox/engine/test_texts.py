"""The small texts that the sandbox reads and writes: spans, sizes, moments, masks, versions' times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duplicati_client.sandbox.clock import YEAR_ONE, compact, duration, with_offset, with_z
from duplicati_client.sandbox.engine import masking, schedules, sources
from duplicati_client.sandbox.engine.failures import Unexpected
from duplicati_client.sandbox.engine.restores import read_time
from duplicati_client.sandbox.engine.timespan import read_size, read_timespan, write_size

NOW = datetime(2026, 11, 24, 14, 12, 49, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1D12h", 129600), ("10s", 10), ("90", 90), ("", 0), (None, 0), ("soon", None), ("1d", None), ("01:00:00", None)],
)
def test_a_timespan_is_read_as_the_server_reads_it(text: str | None, seconds: int | None) -> None:
    assert read_timespan(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("50mb", 52428800), ("1KB", 1024), ("7", 7 * 1024**2), ("big", None)])
def test_a_size_is_read_as_the_server_reads_it(text: str, size: int | None) -> None:
    assert read_size(text) == size


def test_a_size_is_shown_in_the_units_of_the_release() -> None:
    assert write_size(300605, ("bytes", "KiB", "MiB")) == "293.56 KiB"
    assert write_size(70, ("bytes", "KB", "MB")) == "70 bytes"


def test_moments_drop_trailing_zeros_of_their_fraction() -> None:
    assert with_offset(NOW) == "2026-11-24T14:12:49+00:00"
    assert with_z(NOW.replace(microsecond=500000)) == "2026-11-24T14:12:49.5Z"
    assert with_z(YEAR_ONE) == "0001-01-01T00:00:00Z"
    assert (compact(NOW), compact(YEAR_ONE)) == ("20261124T141249Z", "00010101T000000Z")


@pytest.mark.parametrize(("seconds", "text"), [(0.7301539, "00:00:00.7301539"), (90061, "1.01:01:01"), (0, "00:00:00")])
def test_a_length_of_time_is_written_as_dotnet_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_masked_url_gets_its_secret_back_and_an_unknown_secret_does_not_appear() -> None:
    stored = "webdav://nas/x?auth-username=me&auth-password=secret"
    masked = masking.mask_url(stored)
    assert "secret" not in masked
    assert masking.unmask_url(masked, stored) == stored
    assert masking.unmask_url(masked, "webdav://nas/x") is None


def test_a_placeholder_is_four_asterisks_or_more_even_encoded() -> None:
    assert masking.is_placeholder("****")
    assert masking.is_placeholder("%2A%2A%2A%2A")
    assert not masking.is_placeholder("***")
    assert not masking.is_placeholder("")


def test_a_schedule_moves_to_the_next_allowed_day() -> None:
    rule = schedules.rule_of_days([1, 5])
    assert rule == "AllowedWeekDays=Monday,Friday"
    start = datetime(2036, 1, 1, 3, tzinfo=UTC)
    assert schedules.next_after(start, "1D", rule, NOW) == datetime(2036, 1, 4, 3, tzinfo=UTC)
    assert schedules.next_after(YEAR_ONE, "1D", "", NOW) is None


def test_a_version_is_named_by_its_moment_and_nonsense_by_none() -> None:
    assert read_time("20261124T141249Z", YEAR_ONE) == NOW
    assert read_time("2026-11-24T14:12:49", YEAR_ONE) == NOW
    assert read_time("", NOW) == NOW
    with pytest.raises(Unexpected):
        read_time("yesterday", NOW)


@pytest.mark.parametrize(
    ("expression", "path", "fits"),
    [
        ("@/a/b*", "/a/b*", True),
        ("@/a/b*", "/a/bc", False),
        ("[/a/.*]", "/a/b/c", True),
        ("*.tmp", "/a/b.tmp", True),
        ("/a/b", "/a/b/c", False),
        ("{CacheFiles}", "/a/.cache/x", False),
    ],
)
def test_a_filter_expression_fits_paths_as_the_engine_says(expression: str, path: str, fits: bool) -> None:
    assert sources.matches(expression, path) is fits
