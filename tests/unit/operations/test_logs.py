"""Reading logs once and as they come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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
    """A live log whose lines a test adds; it is asked from a number on, and keeps as many as the real one gives."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []
        self.failures: list[Reply] = []
        self.asked_from: list[int] = []

    def reply(self, request: Request) -> Reply:
        if self.failures:
            return self.failures.pop(0)
        after = int(request.path.partition("id=")[2].partition("&")[0])
        self.asked_from.append(after)
        return answer(200, [line for line in self.lines if line["ID"] > after][-500:])

    def add(self, number: int, backup_id: str | None = None, *, second: int | None = None) -> None:
        when = f"2026-11-24T14:{(second or number) // 60:02}:{(second or number) % 60:02}Z"
        self.lines.append({"ID": number, "When": when, "Message": f"line {number}", "BackupID": backup_id})

    def restart(self) -> None:
        self.lines = []


class Heard:
    """What following tells: lines by their text, breaks as they are; a test looks at it step by step."""

    def __init__(self, live: Live, backup: Backup | None = None) -> None:
        self.clock = Clock()
        server, _ = server_of({"logdata/poll": live.reply})
        self._items = logs.follow(server, backup, clock=self.clock, sleep=self.clock.sleep)

    def next_round(self) -> list[str | logs.Break]:
        """Return what comes until the follower rests."""
        items = iter(lambda: next(self._items), None)
        return [item.message if isinstance(item, logs.LogLine) else item for item in items]


def test_each_line_is_told_once() -> None:
    live = Live()
    live.add(1)
    heard = Heard(live)
    assert heard.next_round() == ["line 1"]
    live.add(2)
    assert [heard.next_round(), heard.next_round()] == [["line 2"], []]


def test_lines_of_other_backups_are_left_out() -> None:
    live = Live()
    for number, backup_id in ((1, "1"), (2, "2"), (3, None)):
        live.add(number, backup_id)
    assert Heard(live, BACKUP).next_round() == ["line 1"]


def test_absence_is_told_at_its_beginning_and_its_end_and_loses_no_line() -> None:
    live = Live()
    live.add(1)
    heard = Heard(live)
    heard.next_round()
    live.failures = [errors.ConnectionRefused("nothing answers"), answer(503), answer(500, {"Error": "x"})]
    (away,) = heard.next_round()
    assert (away.reason, away.away_seconds) == ("nothing answers", None)
    assert [heard.next_round(), heard.next_round()] == [[], []]
    live.add(2)
    heard.next_round()
    back, line = heard.next_round()
    assert (line, back.is_restarted, back.has_gap) == ("line 2", False, False)
    assert back.since_at == away.since_at
    assert back.away_seconds == 4.0


def test_restart_during_an_absence_is_told_and_the_log_read_from_its_beginning() -> None:
    live = Live()
    live.add(900, second=1)
    heard = Heard(live)
    heard.next_round()
    live.failures = [errors.ConnectionRefused("nothing answers")]
    heard.next_round()
    live.restart()
    live.add(1, second=100)
    back, line = heard.next_round()
    assert (line, back.is_restarted, back.has_gap) == ("line 1", True, True)


def test_restart_that_nobody_saw_is_noticed_since_the_last_line_is_gone() -> None:
    live = Live()
    live.add(900, second=1)
    heard = Heard(live)
    heard.next_round()
    live.restart()
    live.add(1, second=100)
    gap, line = heard.next_round()
    assert (line, gap.is_restarted, gap.has_gap, gap.away_seconds) == ("line 1", True, True, None)
    assert heard.next_round() == []


def test_numbers_that_have_come_again_after_a_restart_do_not_hide_lines() -> None:
    live = Live()
    live.add(2, second=1)
    heard = Heard(live)
    heard.next_round()
    live.restart()
    for number in range(1, 5):
        live.add(number, second=100 + number)
    assert heard.next_round()[1:] == ["line 1", "line 2", "line 3", "line 4"]


def test_log_that_has_passed_over_lines_is_told_to_have_a_gap_and_repeats_none() -> None:
    live = Live()
    live.add(1)
    heard = Heard(live)
    heard.next_round()
    for number in range(2, 900):
        live.add(number)
    gap, *lines = heard.next_round()
    assert (gap.is_restarted, gap.has_gap) == (False, True)
    assert (lines[0], lines[-1]) == ("line 400", "line 899")
    assert live.asked_from == [0, 0]


def test_log_that_was_emptied_is_told_once_to_have_a_gap() -> None:
    live = Live()
    live.add(7)
    heard = Heard(live)
    heard.next_round()
    live.restart()
    (gap,) = heard.next_round()
    assert (gap.is_restarted, gap.has_gap) == (False, True)
    assert heard.next_round() == []
    live.add(1)
    assert heard.next_round() == ["line 1"]


def test_server_that_sends_all_lines_every_time_is_told_once() -> None:
    lines = [{"ID": 1, "Message": "line 1"}, {"ID": 2, "Message": "line 2"}]
    server, _ = server_of({"logdata/poll": lines})
    heard = logs.follow(server, None, clock=Clock(), sleep=lambda _: None)
    assert [line and line.message for line in islice(heard, 5)] == ["line 1", "line 2", None, None, None]


def test_server_that_never_answered_is_told_at_once() -> None:
    live = Live()
    live.failures = [errors.ConnectionRefused("away")]
    with pytest.raises(errors.ConnectionRefused):
        Heard(live).next_round()


def test_absence_without_an_end_is_waited_out_with_few_questions() -> None:
    live = Live()
    heard = Heard(live)
    heard.next_round()
    live.failures = [errors.ConnectionRefused("away")] * 1000
    began_at = heard.clock.now
    while heard.clock.now < began_at + 3600:
        heard.next_round()
    assert 1000 - len(live.failures) < 750


def test_refused_certificate_is_told_also_in_the_middle() -> None:
    live = Live()
    heard = Heard(live)
    heard.next_round()
    live.failures = [errors.CertificateRefused("no")]
    with pytest.raises(errors.CertificateRefused):
        heard.next_round()


def test_lines_are_left_out_by_level_and_age() -> None:
    rows = [row(3, "{}", "Error"), row(2, "new", "Warning"), row(1, "old", "Warning"), row(0, "said", "Information")]
    server, _ = server_of({"backup/1/log": rows})
    since = datetime.fromtimestamp(1795521602, UTC)
    assert [line.message for line in logs.read(server, BACKUP, level="Warning", since=since)] == ["new", "{}"]


@pytest.mark.parametrize(("result", "is_shown"), [("Success", False), ("Fatal", True), ("Unknown", True)])
def test_result_counts_as_the_level_that_it_is_worth(result: str, is_shown: bool) -> None:
    told = json.dumps({"MainOperation": "Backup", "ParsedResult": result})
    server, _ = server_of({"backup/1/log": [row(1, told)]})
    assert bool(logs.read(server, BACKUP, level="Warning")) is is_shown
