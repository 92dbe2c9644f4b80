"""Several servers side by side: whose answer is whose, and what one dead server does to the others: nothing."""

from __future__ import annotations

import json

import pytest
import yaml

from duplicati_client import errors
from tests.shapes.checking import faults_of
from tests.unit.cli.stage import FakeServer, Stage

ATTIC, CELLAR = "http://attic.test:8200", "http://cellar.test:8200"


@pytest.fixture
def two(tmp_path) -> Stage:
    stage = Stage(tmp_path, FakeServer(ATTIC), FakeServer(CELLAR))
    stage.log_in("--name", "attic", url=ATTIC)
    stage.log_in("--name", "cellar", url=CELLAR)
    return stage


def test_a_listing_says_whose_each_row_is(two):
    ended = two.run("list", "backups", "--all", "--columns", "server,backup_id,name")
    assert ended.stdout == (
        "SERVER  ID  NAME\n"
        "attic   1   Documents\n"
        "attic   2   Photos\n"
        "cellar  1   Documents\n"
        "cellar  2   Photos\n"
    )  # fmt: skip


def test_ids_say_whose_they_are(two):
    assert two.run("list", "backups", "--all", "--output", "ids").stdout.split()[0] == "attic/1"


def test_one_group_of_one_server_has_the_same_shape_as_of_many(two):
    item = json.loads(two.run("list", "backups", "--on", "attic", "--output", "json").stdout)["items"][0]
    assert item["server"] == "attic"


def test_a_dead_server_is_told_and_the_others_answer(two):
    two.servers[ATTIC].failure = errors.ConnectionRefused("nothing answers at attic.test:8200")
    ended = two.run("list", "backups", "--all")
    assert ended.status == 1
    assert ended.stderr.startswith("duplicati: attic: nothing answers at attic.test:8200\n")
    assert "cellar  1   Documents" in ended.stdout


def test_a_bug_with_one_server_leaves_the_others_their_answers(two):
    two.servers[ATTIC].failure = ZeroDivisionError()
    ended = two.run("list", "backups", "--all")
    assert ended.status == 1
    assert "cellar  1   Documents" in ended.stdout


def test_servers_that_all_end_alike_give_their_own_status(two):
    for server in two.servers.values():
        server.failure = errors.ConnectionRefused("nothing answers")
    assert two.run("list", "backups", "--all").status == 69


def test_pages_name_their_server(two):
    ended = two.run("status", "--all", "--output", "json")
    assert [json.loads(line)["item"]["server"] for line in ended.stdout.splitlines()] == ["attic", "cellar"]


def test_lines_of_work_name_their_server(two):
    assert sorted(two.run("run", "1", "--all").stdout.splitlines()) == ["attic: 11", "cellar: 11"]
    lines = two.run("run", "1", "--all", "--output", "json").stdout.splitlines()
    assert {json.loads(line)["server"] for line in lines} == {"attic", "cellar"}


def test_a_login_is_asked_for_where_it_is_missing(two):
    two.run("logout", "--context", "attic")
    ended = two.run("list", "backups", "--all")
    assert ended.status == 1
    assert f"  try: duplicati login {ATTIC}\n" in ended.stderr


def test_programs_read_in_the_document_which_server_gave_no_answer(two):
    two.servers[ATTIC].failure = errors.ConnectionRefused("no answer of http://u:secret@attic.test", hint="start it")
    ended = two.run("list", "backups", "--all", "--output", "json")
    document = json.loads(ended.stdout)
    (failure,) = document["errors"]
    assert (failure["server"], failure["code"], failure["status"]) == ("attic", "connection-refused", 69)
    assert "secret" not in ended.stdout
    assert [item["server"] for item in document["items"]] == ["cellar", "cellar"]
    assert faults_of(ended.stdout) == []
    assert yaml.safe_load(two.run("list", "backups", "--all", "--output", "yaml").stdout)["errors"] == [failure]


def test_servers_that_all_answer_leave_the_errors_empty_and_one_server_has_none(two):
    assert json.loads(two.run("list", "backups", "--all", "--output", "json").stdout)["errors"] == []
    assert "errors" not in json.loads(two.run("list", "backups", "--output", "json").stdout)


def test_pages_are_followed_by_a_document_for_each_server_without_an_answer(two):
    two.servers[ATTIC].failure = errors.ConnectionRefused("nothing answers", hint="start it")
    ended = two.run("status", "--all", "--output", "json")
    kinds = [json.loads(line)["kind"] for line in ended.stdout.splitlines()]
    assert sorted(kinds) == ["error", "status"]
    assert faults_of(ended.stdout) == []
    assert "nothing answers" not in two.run("status", "--all").stdout
