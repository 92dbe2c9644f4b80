"""An option's value comes from option, environment, context, file and default, in this order."""

from __future__ import annotations

import json

import pytest

from duplicati_client.cli.options import GLOBAL
from duplicati_client.cli.verbs import VERBS, load_verbs

ALL = [(verb.name, option) for name in VERBS for verb in load_verbs(name) for option in verb.options]


def explained(stage, key, *words, **environ):
    ended = stage.run("config", "explain", key, "--output", "json", *words, **environ)
    assert ended.status == 0, ended.stderr
    return [(item["value"], item["origin"]) for item in json.loads(ended.stdout)["items"]]


def test_the_order_is_option_environment_context_file_default(stage):
    stage.log_in()
    path = "~/.config/duplicati-client/config.toml"
    assert explained(stage, "pin") == [(None, "default")]
    stage.run("config", "set", "pin", "from-file")
    assert explained(stage, "pin") == [("from-file", f"{path}:2")]
    stage.run("config", "set", "pin", "from-context", "--context", "nas.test")
    assert explained(stage, "pin") == [("from-context", f"context nas.test in {path}:6")]
    environ = {"DUPLICATI_CLIENT_PIN": "from-environment"}
    assert explained(stage, "pin", **environ) == [("from-environment", "environment DUPLICATI_CLIENT_PIN")]
    assert explained(stage, "pin", "--pin", "from-option", **environ) == [("from-option", "option")]


def test_a_switch_of_the_environment_can_be_turned_off(stage):
    environ = {"DUPLICATI_CLIENT_VERBOSE": "yes"}
    assert explained(stage, "verbose", **environ) == [("true", "environment DUPLICATI_CLIENT_VERBOSE")]
    assert explained(stage, "verbose", "--no-verbose", **environ) == [("false", "option")]


def test_a_verbs_own_option_has_its_own_key_and_variable(stage):
    stage.run("config", "set", "run.wait", "true")
    assert explained(stage, "run.wait") == [("true", "~/.config/duplicati-client/config.toml:2")]
    assert explained(stage, "run.wait", DUPLICATI_CLIENT_RUN_WAIT="0") == [
        ("false", "environment DUPLICATI_CLIENT_RUN_WAIT")
    ]


def test_a_secret_is_explained_but_not_shown(stage):
    ended = stage.run("config", "explain", "password", DUPLICATI_CLIENT_PASSWORD="hush")
    assert "environment DUPLICATI_CLIENT_PASSWORD" in ended.stdout
    assert "hush" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(("name", "value"), [("OUTPUT", "xml"), ("VERBOSE", "maybe"), ("TIMEOUT", "soon")])
def test_a_wrong_value_of_the_environment_is_told_with_its_variable(stage, name, value):
    stage.log_in()
    ended = stage.run("run", "1", **{f"DUPLICATI_CLIENT_{name}": value})
    assert ended.status == 78
    assert f"DUPLICATI_CLIENT_{name}" in ended.stderr


def test_a_wrong_value_of_the_file_is_told_with_the_file(stage):
    stage.log_in()
    stage.config_file.write_text(stage.config_file.read_text().replace("current", "output = 'xml'\ncurrent"))
    ended = stage.run("list", "backups")
    assert ended.status == 78
    assert str(stage.config_file) in ended.stderr


def test_a_wrong_value_of_an_option_is_an_invalid_value(stage):
    ended = stage.run("run", "1", "--timeout", "soon")
    assert ended.status == 65
    assert "for example" in ended.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_declares_an_option_twice_or_again(verb):
    own = [option for name, option in ALL if name == verb]
    names = [option.name for option in (*GLOBAL, *own)]
    shorts = [option.short for option in (*GLOBAL, *own) if option.short]
    assert len(set(names)) == len(names)
    assert len(set(shorts)) == len(shorts)


def test_no_option_takes_a_secret():
    assert [option.name for option in GLOBAL if option.kind == "secret" and "o" in option.places] == []
