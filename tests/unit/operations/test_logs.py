"""Reading logs once and as they come."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from duplicati_client import errors
from duplicati_client.http import Request
from duplicati_client.operations import logs
from duplicati_client.sdk.models import Backup
from tests.fakes import Clock, Reply, answer
from tests.unit.operations.one_server import listed, server_of

BACKUP = Backup.read(listed("Documents")[0])


def row(number: int, message: str, kind: str = "Result") -> dict[str, object]:
    return {"ID": number, "Timestamp": 1795521600 + number, "Type": kind, "Message": message, "Exception": {}}


def test_rows_are_told_oldest_first_and_in_words() -> None:
    result = {
        "MainOperation": "Backup",
        "ParsedResult": "Warning",
        "WarningsActualLength": 2,
        "ErrorsActualLength": 0,
        "ExaminedFiles": 312,
        "Duration": "00:00:41",
    }
    server, _ = server_of({"backup/1/log": [row(2, json.dumps(result)), row(1, "a line", "Warning")]})
    first, second = logs.read(server, BACKUP)
    assert (first.level, first.message) == ("Warning", "a line")
    assert (second.level, second.source) == ("Warning", "Backup")
    assert second.message == "2 warnings, 312 files examined, took 00:00:41"


@pytest.mark.parametrize(
    "message", ["", "{", "null", "[]", "[" * 100_000, '{"MainOperation": 5, "Duration": 1}', '{"ParsedResult": null}']
)
def test_damaged_result_is_shown_and_breaks_nothing(message: str) -> None:
    server, _ = server_of({"backup/1/log": [row(1, message)]})
    assert len(logs.read(server, BACKUP)) == 1


def test_lines_of_the_server_are_told_oldest_first() -> None:
    server, _ = server_of(
        {"logdata/log": [{"Timestamp": 2, "Message": "b"}, {"Timestamp": 1, "Message": "a", "BackupID": "1"}]}
    )
    assert [(line.message, line.source) for line in logs.read(server, None)] == [("a", "backup 1"), ("b", "server")]


class Live:
    """A live log whose lines a test adds; it is asked from a number on."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []
        self.failures: list[Reply] = []

    def reply(self, request: Request) -> Reply:
        if self.failures:
            return self.failures.pop(0)
        after = int(request.path.partition("id=")[2].partition("&")[0])
        return answer(200, [line for line in self.lines if line["ID"] > after])

    def add(self, number: int, backup_id: str | None = None) -> None:
        self.lines.append({"ID": number, "Message": f"line {number}", "BackupID": backup_id})


def test_each_line_is_told_once() -> None:
    live, clock = Live(), Clock()
    live.add(1)
    server, _ = server_of({"logdata/poll": live.reply})
    heard = logs.follow(server, None, clock=clock, sleep=clock.sleep)
    assert [line and line.message for line in islice(heard, 2)] == ["line 1", None]
    live.add(2)
    assert [line and line.message for line in islice(heard, 3)] == ["line 2", None, None]


def test_lines_of_other_backups_are_left_out() -> None:
    live, clock = Live(), Clock()
    for number, backup_id in ((1, "1"), (2, "2"), (3, None)):
        live.add(number, backup_id)
    server, _ = server_of({"logdata/poll": live.reply})
    heard = logs.follow(server, BACKUP, clock=clock, sleep=clock.sleep)
    assert [line and line.message for line in islice(heard, 2)] == ["line 1", None]


def test_restarted_server_is_read_from_its_beginning() -> None:
    live, clock = Live(), Clock()
    live.add(900)
    server, _ = server_of({"logdata/poll": live.reply})
    heard = logs.follow(server, None, clock=clock, sleep=clock.sleep)
    next(heard)
    live.lines, live.failures = [], [errors.ConnectionRefused("away"), answer(503), answer(500, {"Error": "x"})]
    live.add(1)
    assert [line and line.message for line in islice(heard, 5)] == [None, None, None, None, "line 1"]


def test_passing_failure_repeats_no_line() -> None:
    live, clock = Live(), Clock()
    live.add(1)
    server, _ = server_of({"logdata/poll": live.reply})
    heard = logs.follow(server, None, clock=clock, sleep=clock.sleep)
    next(heard)
    live.failures = [answer(503)]
    live.add(2)
    assert [line and line.message for line in islice(heard, 3)] == [None, None, "line 2"]


def test_server_that_sends_all_lines_every_time_is_told_once() -> None:
    lines = [{"ID": 1, "Message": "line 1"}, {"ID": 2, "Message": "line 2"}]
    server, _ = server_of({"logdata/poll": lines})
    heard = logs.follow(server, None, clock=Clock(), sleep=lambda _: None)
    assert [line and line.message for line in islice(heard, 5)] == ["line 1", "line 2", None, None, None]


def test_server_that_stays_away_is_given_up() -> None:
    live, clock = Live(), Clock(0.0)
    live.failures = [errors.ConnectionRefused("away")] * 2000
    server, _ = server_of({"logdata/poll": live.reply})
    with pytest.raises(errors.ConnectionRefused):
        list(logs.follow(server, None, clock=clock, sleep=clock.sleep))
    assert 590 < clock.now < 610


def test_refused_certificate_is_told_at_once() -> None:
    live, clock = Live(), Clock()
    live.failures = [errors.CertificateRefused("no")]
    server, _ = server_of({"logdata/poll": live.reply})
    with pytest.raises(errors.CertificateRefused):
        next(logs.follow(server, None, clock=clock, sleep=clock.sleep))
