"""What was there before is noted without the server's own words, and tells afterwards which traces are new."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from duplicati_client.daemon.recovery import What, decode_baseline, note_baseline, probe
from tests.unit.daemon.workbench import TurnedDuplicati, Workbench
from tests.unit.sdk.backup_server import NOON

generations = pytest.mark.parametrize("release", ["2.0.8.1", "2.3.1.0"])


def note(bench: Workbench) -> dict[str, Any]:
    """Return a baseline as the journal has it after a restart."""
    _, kept = note_baseline(TurnedDuplicati(bench.server), "3", "Backup")
    return json.loads(json.dumps(kept))


def find(bench: Workbench, kept: dict[str, Any], submitted: dict[str, Any] | None = None) -> What:
    return probe(TurnedDuplicati(bench.server), "3", "Backup", kept, submitted).what


@generations
def test_baseline_comes_back_from_the_journal_as_it_was_in_all_that_is_compared(release: str) -> None:
    bench = Workbench(release)
    bench.server.add_row("Warning", began_at=NOON - timedelta(days=1))
    bench.server.add_notice("Error", "failed at s3://bucket?auth-password=hunter2")
    bench.server.metadata |= {"LastErrorDate": "20261123T120000Z", "LastErrorMessage": "hunter2"}
    kept = note(bench)
    assert "hunter2" not in json.dumps(kept)
    baseline = decode_baseline(kept)
    assert [(row.row_id, row.began_at) for row in baseline.rows] == [(1, NOON - timedelta(days=1))]
    assert baseline.metadata.error_at == NOON - timedelta(days=1)
    assert baseline.state.event_id == 10
    assert find(bench, kept) is What.ABSENT, "nothing of it is new"


@generations
@pytest.mark.parametrize("trace", ["row", "notice", "renewed notice", "error"])
def test_each_trace_alone_shows_that_it_took_effect(release: str, trace: str) -> None:
    bench = Workbench(release)
    bench.server.add_notice("Warning", "an old one")
    kept = note(bench)
    bench.clock.seconds += 5
    if trace == "row":
        bench.server.add_row("Success", began_at=bench.server.now)
    elif trace == "notice":
        bench.server.add_notice("Error", "it failed")
    elif trace == "renewed notice":
        bench.server.notices.clear()
        bench.server.add_notice("Warning", "an old one")
    else:
        bench.server.metadata["LastErrorDate"] = "20261124T120003Z"
    assert find(bench, kept) is What.ADOPT


@generations
def test_traces_of_other_work_other_backups_and_metadata_that_moved_show_nothing(release: str) -> None:
    bench = Workbench(release)
    kept = note(bench)
    bench.server.add_row("Success", began_at=NOON + timedelta(seconds=5), operation="Compact")
    bench.server.add_notice("Error", "of another", backup_id="4")
    bench.server.metadata |= {"LastBackupStarted": "20261124T120003Z", "LastBackupFinished": "20261124T120004Z"}
    assert find(bench, kept) is What.ABSENT


@generations
@pytest.mark.parametrize("name", ["event_id", "data_id", "notice_id"])
def test_one_counter_that_went_back_shows_another_process(release: str, name: str) -> None:
    bench = Workbench(release)
    kept = note(bench)
    for counter in ("event_id", "data_id", "notice_id"):
        setattr(bench.server, counter, 500)
    setattr(bench.server, name, 1)
    assert find(bench, kept) is What.LOST
    assert find(bench, kept, {"ServerTask": 7, "EventID": 11}) is What.LOST


@generations
def test_number_that_a_waiting_task_of_another_backup_has_is_not_ours(release: str) -> None:
    bench = Workbench(release)
    kept = note(bench)
    bench.server.active, bench.server.waiting, bench.server.event_id = (5, "9"), [(7, "9")], 12
    bench.server.tasks[7] = {"Status": "Waiting", "started": None, "finished": None, "error": None}
    assert find(bench, kept, {"ServerTask": 7, "EventID": 11}) is What.ABSENT


def test_number_of_a_task_that_began_before_the_intent_is_not_ours() -> None:
    bench = Workbench()
    kept = note(bench)
    began_at, bench.server.event_id = NOON - timedelta(minutes=5), 12
    bench.server.tasks[7] = {"Status": "Running", "started": began_at, "finished": None, "error": None}
    assert find(bench, kept, {"ServerTask": 7, "EventID": 11}) is What.ABSENT


@generations
def test_traces_count_for_more_than_a_number_that_has_ended(release: str) -> None:
    bench = Workbench(release)
    kept = note(bench)
    bench.server.begin(7)
    bench.server.end(7)
    assert find(bench, kept, {"ServerTask": 7, "EventID": 11}) is What.ADOPT
    bench.server.rows.clear()
    assert find(bench, kept, {"ServerTask": 7, "EventID": 11}) is What.WATCH


@generations
def test_log_that_could_not_be_read_then_nor_now_shows_nothing_yet(release: str) -> None:
    bench = Workbench(release)
    bench.server.is_locked = True
    kept = note(bench)
    assert kept["Rows"] is None
    assert find(bench, kept) is What.WAIT
    bench.server.is_locked = False
    bench.server.add_row("Success", began_at=NOON - timedelta(hours=1))
    assert find(bench, kept) is What.ABSENT
    bench.server.add_row("Success", began_at=NOON + timedelta(seconds=1))
    assert find(bench, kept) is What.ADOPT
