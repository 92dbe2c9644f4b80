"""Listings: what the last run of each backup came to, from listings alone and from logs."""

from __future__ import annotations

import json

import pytest

from duplicati_client import errors
from duplicati_client.operations.list import list_backups, list_settings, summarise_backups
from tests.fakes import answer
from tests.unit.operations.one_server import server_of

STATE = {"ProgramState": "Running", "ActiveTask": None, "SchedulerQueueIds": [], "ProposedSchedule": []}
RAN = {"LastBackupStarted": "20260709T110001Z", "LastBackupFinished": "20260709T110042Z", "BackupListCount": "4"}


def backup(number=1, **metadata):
    return {"Backup": {"ID": str(number), "Name": f"backup {number}", "Metadata": metadata}, "Schedule": None}


def row(row_id=1, *, operation="Backup", result="Success", **more):
    message = {
        "MainOperation": operation,
        "ParsedResult": result,
        "BeginTime": "2026-07-09T11:00:01.2Z",
        "EndTime": "2026-07-09T11:00:42.1Z",
        **more,
    }
    return {"ID": row_id, "Type": "Result", "Timestamp": 1783594842, "Message": json.dumps(message)}


def notice(kind, *, backup_id="1", at="2026-07-09T11:00:42Z", exception=""):
    return {"ID": 1, "Type": kind, "BackupID": backup_id, "Timestamp": at, "Message": "m", "Exception": exception}


def listing(backups, *, logs=None, notices=(), **state):
    answers = {"backups": backups, "serverstate": STATE | state, "notifications": list(notices)}
    answers |= {f"backup/{number}/log": rows for number, rows in (logs or {}).items()}
    return server_of(answers)


def only_summary(*args, **kwargs):
    server, _ = listing(*args, **kwargs)
    (summary,) = list_backups(server)
    return summary


def test_a_backup_that_nothing_tells_of_never_ran_and_its_log_is_not_asked():
    server, transport = listing([backup()])
    assert list_backups(server)[0].outcome == "never"
    assert not [path for path in transport.asked if "log" in path]


def test_success_needs_the_row_of_the_log():
    assert only_summary([backup(**RAN)], logs={1: [row()]}).outcome == "success"


def test_without_the_row_good_metadata_are_no_success():
    assert only_summary([backup(**RAN)], logs={1: []}).outcome == "unknown"


def test_rows_of_listings_before_the_run_are_passed_over():
    listings = [row(number, operation="ListFilesets") for number in range(20, 10, -1)]
    pages = iter([listings, [row(10)]])
    assert only_summary([backup(**RAN)], logs={1: lambda _: answer(200, next(pages))}).outcome == "success"


def test_a_stopped_run_is_interrupted_although_the_server_only_warns():
    rows = {1: [row(result="Warning", PartialBackup=True)]}
    assert only_summary([backup(**RAN)], logs=rows, notices=[notice("Warning")]).outcome == "interrupted"


def test_a_first_run_that_failed_is_fatal_by_its_error_date():
    failed = backup(LastErrorDate="20260709T110001Z", LastErrorMessage="no such folder")
    assert only_summary([failed]).outcome == "fatal"


def test_an_end_script_that_failed_makes_a_good_row_an_error():
    rows = {1: [row()]}
    assert only_summary([backup(**RAN)], logs=rows, notices=[notice("Error")]).outcome == "error"


def test_a_log_that_is_locked_leaves_it_open():
    locked = answer(400, {"Error": "in use", "Code": 400, "HelpId": "DatabaseLocked"})
    assert only_summary([backup(**RAN)], logs={1: locked}).outcome == "unknown"


def test_what_runs_and_what_waits_is_said_before_any_outcome():
    server, _ = listing(
        [backup(1, **RAN), backup(2)],
        ActiveTask={"Item1": 5, "Item2": "1"},
        SchedulerQueueIds=[{"Item1": 6, "Item2": "2"}],
    )
    assert [summary.outcome for summary in list_backups(server)] == ["running", "queued"]


def test_next_run_is_the_one_that_the_server_proposes():
    proposed = [{"Item1": "1", "Item2": "2026-07-10T11:00:00Z"}]
    summary = only_summary([backup()], ProposedSchedule=proposed)
    assert summary.next_run_at.isoformat() == "2026-07-10T11:00:00+00:00"


def test_logs_of_two_hundred_are_read_and_the_others_say_so():
    server, transport = listing(
        [backup(number, **RAN) for number in range(1, 203)], logs={number: [row()] for number in range(1, 203)}
    )
    summaries = list_backups(server)
    assert [summary.outcome for summary in summaries].count("success") == 200
    assert all("log was not read" in summary.reason for summary in summaries[200:])
    assert sum("log" in path for path in transport.asked) == 200


def test_naming_a_backup_reads_its_log():
    server, _ = listing([backup(**RAN)], logs={1: [row()]})
    assert summarise_backups(server, server.backups.list())[0].outcome == "success"


def test_a_session_that_ends_while_logs_are_read_is_no_unknown_outcome():
    server, _ = listing([backup(**RAN)], logs={1: errors.ConnectionRefused("gone")})
    with pytest.raises(errors.ConnectionRefused):
        list_backups(server)


def test_settings_show_no_secret():
    server, _ = server_of({"serversettings": {"server-passphrase": "hash", "startup-delay": "5s"}})
    assert list_settings(server) == {"server-passphrase": "********", "startup-delay": "5s"}
