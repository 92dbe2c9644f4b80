"""`list`, `get`, `describe`, `status` and `logs` against a small server."""

from __future__ import annotations

import csv
import io
import json

import pytest
import yaml

from tests.unit.cli.stage import Stage, backup

STRANGE = 'a "b" \x1b[31m\nnext \u202egnp.exe'


@pytest.fixture
def logged_in(stage) -> Stage:
    stage.log_in()
    return stage


def test_backups_are_listed_in_every_format(logged_in):
    assert json.loads(logged_in.run("list", "backups", "-o", "json").stdout)["items"][0]["name"] == "Documents"
    assert yaml.safe_load(logged_in.run("list", "backups", "-o", "yaml").stdout)["items"][0]["name"] == "Documents"
    rows = list(csv.DictReader(io.StringIO(logged_in.run("list", "backups", "-o", "csv").stdout)))
    assert rows[0]["name"] == "Documents"
    assert logged_in.run("list", "backup", "-o", "ids").stdout == "1\n2\n"


def test_a_backup_that_never_ran_is_said_to_have_never_run(logged_in):
    assert logged_in.run("list", "backups", "--columns", "name,outcome").stdout == (
        "NAME       OUTCOME\nDocuments  never\nPhotos     never\n"
    )


def test_named_backups_are_listed_alone(logged_in):
    assert logged_in.run("list", "backups", "pho*", "-o", "ids").stdout == "2\n"


def test_rows_are_filtered_sorted_and_chosen(logged_in):
    assert logged_in.run("list", "backups", "--filter", "name~PHO", "-o", "ids").stdout == "2\n"
    assert logged_in.run("list", "backups", "--sort", "-name", "-o", "ids").stdout == "2\n1\n"
    assert logged_in.run("list", "backups", "--sort", "name", "-o", "ids").stdout == "1\n2\n"


def test_ids_alone_take_one_request(logged_in):
    logged_in.server.requests.clear()
    assert logged_in.run("list", "backups", "-o", "ids").stdout == "1\n2\n"
    assert logged_in.server.requests == ["GET api/v1/backups"]
    assert (
        logged_in.run("list", "backups", "--columns", "name,backup_id", "-o", "csv").stdout.split()[0]
        == "name,backup_id"
    )


def test_an_unknown_field_is_told_with_those_there_are(logged_in):
    ended = logged_in.run("list", "backups", "--sort", "nmae")
    assert ended.status == 64
    assert "backup_id, name, outcome" in ended.stderr


def test_nothing_to_list_is_told_beside_an_empty_answer(logged_in):
    ended = logged_in.run("list", "tasks")
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "no tasks\n")


def test_a_name_from_outside_cannot_act_on_the_terminal_in_any_view(logged_in):
    entry = backup("1", STRANGE)
    logged_in.server.answers |= {"GET api/v1/backups": [entry], "GET api/v1/backup/1": entry}
    for words in (["list", "backups"], ["get", "backup", "1"], ["describe", "1"]):
        ended = logged_in.run(*words, is_terminal=True, NO_COLOR="1", COLUMNS="200")
        assert ended.status == 0, ended.stderr
        assert not {"\x1b", "\u202e"} & set(ended.stdout)
        assert "\\x1b[31m" in ended.stdout
        assert "next \\u202egnp.exe" in ended.stdout
    assert json.loads(logged_in.run("list", "backups", "-o", "json").stdout)["items"][0]["name"] == STRANGE


def test_an_id_that_could_leave_its_place_in_an_address_is_refused(logged_in):
    logged_in.server.answers["GET api/v1/backups"] = [backup("../1", "Documents")]
    assert logged_in.run("list", "backups").status == 76


@pytest.mark.parametrize("selector", ["../1", "9", "nothing*", ""])
def test_a_backup_that_is_not_there_has_its_own_status(logged_in, selector):
    assert logged_in.run("get", "backup", selector).status == 66


def test_a_backup_deleted_between_list_and_run_is_told_as_gone(logged_in):
    del logged_in.server.answers["GET api/v1/backup/1"]
    assert logged_in.run("run", "1").status == 66


def test_a_definition_is_shown_whole_and_by_id(logged_in):
    ended = logged_in.run("get", "backup", "Documents")
    assert ended.stdout.startswith("Backup\n  ID")
    assert json.loads(logged_in.run("get", "backup", "1", "-o", "json").stdout)["item"]["Backup"]["ID"] == "1"
    assert logged_in.run("get", "backup", "Documents", "-o", "ids").stdout == "1\n"


def test_a_setting_that_is_a_secret_is_not_shown(logged_in):
    ended = logged_in.run("list", "settings")
    assert "hash" not in ended.stdout
    assert "update-channel" in ended.stdout


def test_the_status_says_which_server_and_release_it_is(logged_in):
    ended = logged_in.run("status")
    assert "version     2.3.1.0" in ended.stdout
    assert "generation  modern" in ended.stdout
    assert json.loads(logged_in.run("status", "-o", "json").stdout)["item"]["backups_count"] == 2


def log_row(row_id, seconds, result):
    message = json.dumps({"MainOperation": "Backup", "ParsedResult": result})
    return {"ID": row_id, "Timestamp": seconds, "Type": "Result", "Message": message}


def test_the_log_of_a_backup_is_shown_oldest_first(logged_in):
    rows = [log_row(2, 1770000060, "Warning"), log_row(1, 1770000000, "Success")]
    logged_in.server.answers["GET api/v1/backup/1/log"] = rows
    assert logged_in.run("logs", "Documents").stdout == (
        "2026-02-02 02:40:00  success  Backup  done\n2026-02-02 02:41:00  warning  Backup  done\n"
    )
    items = json.loads(logged_in.run("list", "logs", "1", "-o", "json").stdout)["items"]
    assert [item["level"] for item in items] == ["Success", "Warning"]
