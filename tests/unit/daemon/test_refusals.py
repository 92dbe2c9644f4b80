"""Results that are refused are kept: sent for a month however often the daemon starts, and then put where they stay."""

from __future__ import annotations

import json
from datetime import timedelta

from duplicati_client.daemon.answers import NotTaken
from duplicati_client.daemon.refusals import QUARANTINE
from tests.unit.daemon.bench import Bench


def ended() -> Bench:
    bench = Bench()
    bench.reporter.report(bench.take(ID=1).key)
    bench.end("i:1")
    return bench


def refuse(bench: Bench) -> None:
    bench.link.replies = [NotTaken("status 404")]
    bench.send_all()


def list_quarantined(bench: Bench) -> list[object]:
    lines = bench.folder.lines.get(QUARANTINE, [])
    return [json.loads(json.loads(line[2:])["Result"])["ID"] for line in lines if line.startswith(b"- ")]


def test_result_that_is_not_taken_for_a_month_is_kept_in_the_quarantine_file() -> None:
    bench = ended()
    for _ in range(31 * 24):
        refuse(bench)
        bench.clock.seconds += 3601
    line = b"".join(bench.folder.lines[QUARANTINE])
    assert json.loads(json.loads(line[2:])["Result"])["Status"] == "completed"
    assert bench.reporter.count_pending() == (0, 0)
    assert "i:1" not in bench.journal.entries
    assert [event.code for event in bench.told] == ["result-not-taken", "result-quarantined"]


def test_month_counts_over_restarts_and_rounds_of_cron_and_is_told_of_once() -> None:
    bench = ended()
    for _ in range(31):
        refuse(bench)
        assert not list_quarantined(bench) or bench.clock.now() - bench.told[0].at >= timedelta(days=30)
        bench.clock.seconds += 86_400
        bench.restart_reporter()
    assert list_quarantined(bench) == [1]
    assert [event.code for event in bench.told] == ["result-not-taken", "result-quarantined"]


def test_clock_that_is_set_by_ten_years_puts_no_result_away() -> None:
    bench = ended()
    for years in (10, -10):
        refuse(bench)
        bench.clock.jump = timedelta(days=365 * years)
        bench.restart_reporter()
    refuse(bench)
    assert list_quarantined(bench) == []
    assert bench.reporter.count_pending() == (1, 1)


def test_quarantine_file_that_is_full_takes_no_more_and_the_result_stays_in_the_journal() -> None:
    bench = ended()
    bench.folder.create(QUARANTINE, b"#" * 32 * 1024 * 1024)
    for _ in range(31):
        refuse(bench)
        bench.clock.seconds += 86_400
    assert list_quarantined(bench) == []
    assert "i:1" in bench.journal.entries
    assert bench.told[-1].code == "quarantine-full"
    bench.folder.remove(QUARANTINE)
    refuse(bench)
    assert list_quarantined(bench) == [1]
