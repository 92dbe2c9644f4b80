"""`config` shows and changes the file and refuses what would not work."""

from __future__ import annotations

import json

import pytest


def test_the_file_is_shown_with_its_contexts(stage):
    stage.log_in("--name", "basement")
    ended = stage.run("config")
    assert ended.status == 0
    assert "current  basement" in ended.stdout
    assert "Context basement\n  url  http://nas.test:8200\n" in ended.stdout


def test_a_password_in_a_proxys_address_is_not_shown(stage):
    stage.run("config", "set", "proxy", "http://ann:hush@proxy:3128")
    for words in (["config"], ["config", "--output", "json"]):
        assert "hush" not in stage.run(*words).stdout


def test_what_is_set_is_got(stage):
    assert stage.run("config", "set", "output", "json").status == 0
    assert stage.run("config", "get", "output").stdout == "json\n"
    assert stage.run("config", "unset", "output").status == 0
    assert stage.run("config", "get", "output").status == 66


def test_a_context_is_changed_by_name_or_by_option(stage):
    stage.log_in()
    stage.run("config", "set", "pin", "ab", "--context", "nas.test")
    assert stage.run("config", "get", "contexts.nas.test.pin").stdout == "ab\n"
    stage.run("config", "set", "contexts.nas.test.pin", "cd")
    assert stage.run("config", "get", "pin", "--context", "nas.test").stdout == "cd\n"


def test_a_group_is_a_list_of_names(stage):
    stage.run("config", "set", "groups.office", "a", "b")
    assert stage.run("config", "get", "groups.office").stdout == "a\nb\n"
    assert json.loads(stage.run("config", "--output", "json").stdout)["item"]["groups"] == {"office": ["a", "b"]}


def test_another_context_becomes_the_current_one(stage):
    stage.log_in("--name", "one")
    stage.log_in("--name", "two")
    assert stage.run("config", "get", "current").stdout == "two\n"
    assert stage.run("config", "use", "one").status == 0
    assert stage.run("config", "get", "current").stdout == "one\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["set", "colour", "always"], 65, "did you mean color?"),
        (["set", "output", "xml"], 64, "one of: table"),
        (["set", "password", "hush"], 65, "there is no key password"),
        (["set", "output"], 64, "a key and a value"),
        (["set", "contexts.nas.output", "json"], 65, "no key output in a context"),
        (["use", "nowhere"], 78, "there is no context nowhere"),
        (["get", "output"], 66, "output is not set"),
        (["explain", "nothing"], 66, "there is no option nothing"),
        (["sett"], 64, "duplicati config set"),
    ],
)
def test_what_would_not_work_is_refused(stage, words, status, told):
    ended = stage.run("config", *words)
    assert ended.status == status
    assert told in ended.stderr
    assert not stage.config_file.exists()
