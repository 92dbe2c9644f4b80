"""One backup on one screen."""

from __future__ import annotations

from duplicati_client.operations.describe import describe_backup
from duplicati_client.operations.get import get
from tests.fakes import answer
from tests.unit.operations.one_server import server_of
from tests.unit.operations.test_list import RAN, STATE, notice, row

DEFINITION = {
    "Schedule": {"Repeat": "1D", "Time": "2026-07-10T11:00:00Z", "AllowedDays": ["mon", "Monday"]},
    "Backup": {
        "ID": "1",
        "Name": "Documents",
        "TargetURL": "s3://bucket/docs?auth-username=me&auth-password=hidden",
        "Sources": ["/home/me/docs/"],
        "Settings": [
            {"Name": "passphrase", "Value": "hidden"},
            {"Name": "--odd-option", "Value": "hidden"},
            {"Name": "dblock-size", "Value": "50mb"},
        ],
        "Filters": [
            {"Order": 0, "Include": False, "Expression": "*.tmp"},
            {"Order": 1, "Include": True, "Expression": "*"},
        ],
        "Metadata": RAN,
    },
}
SYSTEM = {"ServerVersion": "2.3.1.0", "Options": [{"Name": "odd-option", "Type": "Password"}]}


def described(log, notices=()):
    server, _ = server_of(
        {
            "backups": [{"Backup": DEFINITION["Backup"]}],
            "backup/1": DEFINITION,
            "backup/1/log": log,
            "systeminfo": SYSTEM,
            "serverstate": STATE,
            "notifications": list(notices),
        }
    )
    return server, describe_backup(server, "Documents")


def test_no_secret_is_left_anywhere_also_of_options_only_the_server_calls_secret():
    server, description = described([row()])
    assert "hidden" not in str(description)
    assert description.settings["dblock-size"] == "50mb"
    assert "hidden" not in str(get(server, "backup", "1"))


def test_filters_and_days_read_as_a_person_writes_them():
    _, description = described([row()])
    assert description.filters == ("-*.tmp", "+*")
    assert description.schedule.allowed_days == ("mon",)


def test_the_last_five_runs_are_judged_by_their_rows_newest_first():
    rows = [row(number, result="Warning" if number == 7 else "Success") for number in range(7, 0, -1)]
    _, description = described(rows)
    assert [run.row_id for run in description.runs] == [7, 6, 5, 4, 3]
    assert [run.outcome for run in description.runs[:2]] == ["warning", "success"]


def test_a_notification_counts_for_the_run_it_came_in_only():
    later = {"BeginTime": "2026-07-10T11:00:01Z", "EndTime": "2026-07-10T11:00:09Z"}
    _, description = described([row(2, **later), row(1)], [notice("Error", at="2026-07-09T11:00:43Z")])
    assert [run.outcome for run in description.runs] == ["success", "error"]
    _, description = described([row(2, **later), row(1)], [notice("Error", at="2026-07-10T11:00:10Z")])
    assert [run.outcome for run in description.runs] == ["error", "success"]


def test_a_notification_in_the_second_in_which_its_run_began_counts_although_its_time_has_no_fractions():
    quick = {"BeginTime": "2026-07-10T11:00:01.6Z", "EndTime": "2026-07-10T11:00:01.9Z"}
    _, description = described([row(1, **quick)], [notice("Error", at="2026-07-10T11:00:01Z")])
    assert [run.outcome for run in description.runs] == ["error"]


def test_a_locked_log_is_told_instead_of_runs():
    _, description = described(answer(400, {"Error": "in use", "Code": 400, "HelpId": "DatabaseLocked"}))
    assert description.runs == ()
    assert "while a task" in description.runs_note
