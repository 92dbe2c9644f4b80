"""Logs in pages, and a backup that never ran."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk.logs import Logs
from tests.fakes import answer
from tests.unit.sdk.asking import channel_to

NO_TABLE = answer(500, {"Message": "SQLite error\r\nno such table: LogData", "Type": "SqliteException"}, reason="Error")


@pytest.mark.parametrize(("count", "asked"), [(1, 10), (100, 100), (5000, 500)])
def test_page_size_is_what_the_server_takes_and_the_count_what_was_wanted(count: int, asked: int) -> None:
    rows = [{"ID": number, "Type": "Result"} for number in range(20, 0, -1)]
    channel, transport = channel_to(answer(200, rows))
    assert len(Logs(channel).of_backup("3", count=count)) == min(count, 20)
    assert transport.asked == [f"GET api/v1/backup/3/log?pagesize={asked}"]


def test_older_page_is_asked_for_by_row() -> None:
    channel, transport = channel_to(answer(200, []))
    assert Logs(channel).of_backup("3", before_row_id=50) == []
    assert transport.asked == ["GET api/v1/backup/3/log?pagesize=100&offset=50"]


def test_backup_that_never_ran_has_no_rows_in_the_legacy_generation() -> None:
    channel, _ = channel_to(NO_TABLE, release="2.0.8.1")
    assert Logs(channel).of_backup("3") == []


@pytest.mark.parametrize(
    ("release", "reply"),
    [("2.3.1.0", NO_TABLE), ("2.0.8.1", answer(500, {"Message": "disk full", "Type": "IOException"}))],
)
def test_other_failures_are_failures(release: str, reply: object) -> None:
    channel, _ = channel_to(reply, release=release)
    with pytest.raises(errors.ServerFailed):
        Logs(channel).of_backup("3")


def test_live_log_is_asked_from_a_number_on_and_at_a_known_level() -> None:
    channel, transport = channel_to(answer(200, [{"ID": 5, "Message": "m"}]))
    assert Logs(channel).live(after_entry_id=4, level="Warning", count=10)[0].entry_id == 5
    assert transport.asked == ["GET api/v1/logdata/poll?level=Warning&id=4&pagesize=10"]
    with pytest.raises(errors.InvalidValue):
        Logs(channel).live(level="Loud")


def test_errors_of_the_server_are_read() -> None:
    channel, _ = channel_to(answer(200, [{"Timestamp": 1795521600, "Message": "m", "Exception": "e"}] * 3))
    assert len(Logs(channel).of_server(count=2)) == 2
