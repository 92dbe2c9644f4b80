"""Contexts are listed without asking a server, renamed with all that is theirs, and removed down to the last trace."""

from __future__ import annotations

import json
import os
import time
import tomllib
from base64 import urlsafe_b64encode

import pytest

from duplicati_client import errors
from tests.unit.cli.safe_keyring import KEPT_PASSWORD, KEPT_SESSION
from tests.unit.cli.stage import PASSWORD, URL, FakeServer, Stage

CONFIG = """\
# mine
current = "nas"
context = "nas"  # for scripts

[groups]
office = ["nas", "attic"]
alone = ["nas"]
pattern = ["na*"]

# the small one
[contexts.nas] # in the cellar
url = "http://nas.test:8200"
pin = "ab12"

[contexts.attic]
url = "http://attic.test:8200"
"""


@pytest.fixture
def two(tmp_path) -> Stage:
    stage = Stage(tmp_path, FakeServer(), FakeServer("http://attic.test:8200"))
    stage.log_in("--name", "attic", url="http://attic.test:8200")
    stage.log_in("--name", "nas")
    stage.config_file.write_text(CONFIG)
    return stage


def sessions(stage):
    return sorted(os.listdir(stage.home / ".local/state/duplicati-client/sessions"))


def rows(stage, *words):
    ended = stage.run("list", "contexts", "--output", "json", *words)
    assert ended.status == 0, ended.stderr
    return json.loads(ended.stdout)["items"]


def data(stage):
    return tomllib.loads(stage.config_file.read_text())


def test_contexts_are_listed_without_asking_a_server(two):
    for server in two.servers.values():
        server.requests.clear()
        server.failure = errors.ConnectionRefused("nothing answers")
    listed = rows(two)
    assert [(row["name"], row["is_current"], row["url"]) for row in listed] == [
        ("nas", True, URL),
        ("attic", False, "http://attic.test:8200"),
    ]
    assert {row["session"] for row in listed} == {"alive"}
    assert {row["generation"] for row in listed} == {"modern"}
    assert all(server.requests == [] for server in two.servers.values())


def test_listed_contexts_can_be_chosen_and_piped(two):
    assert two.run("list", "contexts", "--output", "ids", "--filter", "is_current=true").stdout == "nas\n"
    csv = two.run("list", "contexts", "--columns", "name", "--sort", "name", "-o", "csv").stdout
    assert csv.split() == ["name", "attic", "nas"]


def test_contexts_may_be_listed_by_group_and_pattern(two):
    assert [row["name"] for row in rows(two, "--on", "alone")] == ["nas"]
    assert [row["name"] for row in rows(two, "--on", "a*")] == ["attic"]
    assert [row["name"] for row in rows(two, "--context", "attic")] == ["attic"]


def test_without_a_context_the_list_is_empty(stage):
    assert rows(stage) == []


def jwt(begins_at, ends_at):
    return "h." + urlsafe_b64encode(json.dumps({"nbf": begins_at, "exp": ends_at}).encode()).decode() + ".s"


NOW = time.time()


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"access_ends_at": NOW + 600, "refresh_token": jwt(NOW, NOW + 9000)}, "alive"),
        ({"access_ends_at": NOW - 600, "refresh_token": jwt(NOW, NOW + 9000)}, "renewable"),
        ({"access_ends_at": NOW - 600, "refresh_token": "unreadable"}, "renewable"),
        ({"access_ends_at": NOW - 600, "refresh_token": jwt(NOW - 9000, NOW - 60)}, "ended"),
        ({"access_ends_at": NOW - 600, "refresh_token": None}, "ended"),
        ({"access_ends_at": NOW + 600, "refresh_token": None}, "alive"),
        ({"generation": "legacy"}, "unknown"),
        ({"url": "http://other.test:8200"}, "none"),
        ({"generation": 3}, "none"),
    ],
)
def test_the_state_of_a_session_is_read_from_its_file(stage, changes, state):
    stage.log_in()
    file = stage.home / ".local/state/duplicati-client/sessions/nas.test.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert rows(stage)[0]["session"] == state


def test_where_the_next_password_comes_from_is_listed(stage, keyring, tmp_path):
    stage.log_in("--keyring")
    keyring.visits.clear()
    assert rows(stage)[0]["password_from"] == "keyring"
    stage.run("config", "set", "password_file", "/run/secrets/pw", "--context", "nas.test")
    assert rows(stage)[0]["password_from"].startswith("file /run/secrets/pw")
    assert keyring.visits == []


def test_a_session_in_the_keyring_is_not_looked_at_for_a_list(stage, keyring):
    stage.log_in("--keyring-session")
    keyring.visits.clear()
    assert rows(stage)[0]["session"] == "keyring"
    assert keyring.visits == []


def test_a_renamed_context_keeps_session_groups_choice_and_remarks(two):
    ended = two.run("config", "rename", "nas", "cellar nas")
    assert (ended.status, ended.stderr) == (0, "the context nas is called cellar nas now\n")
    assert data(two) == {
        "current": "cellar nas",
        "context": "cellar nas",
        "groups": {"office": ["cellar nas", "attic"], "alone": ["cellar nas"], "pattern": ["na*"]},
        "contexts": {
            "cellar nas": {"url": URL, "pin": "ab12"},
            "attic": {"url": "http://attic.test:8200"},
        },
    }
    text = two.config_file.read_text()
    assert '# the small one\n[contexts."cellar nas"] # in the cellar\n' in text
    assert "# for scripts" in text
    assert sessions(two) == ["attic.json", "attic.json.lock", "cellar%20nas.json"]
    assert two.run("list", "backups").status == 0
    assert two.server.requests.count("POST api/v1/auth/login") == 1


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nas"], 64, "two names"),
        (["nas", "attic"], 64, "context attic already"),
        (["nas", "office"], 64, "context or group office already"),
        (["nass", "x"], 78, "did you mean nas?"),
        (["nas", "a*"], 65, "cannot be called"),
        (["nas", ""], 65, "cannot be called"),
        (["nas", "a/b"], 65, "cannot be called"),
        (["nas", "a,b"], 65, "cannot be called"),
        (["nas", " a"], 65, "cannot be called"),
        (["nas", "a\x1b[2J"], 65, "cannot be called"),
    ],
)
def test_a_rename_that_cannot_be_changes_nothing(two, words, status, told):
    before = sessions(two)
    ended = two.run("config", "rename", "--", *words)
    assert (ended.status, told in ended.stderr) == (status, True)
    assert "\x1b" not in ended.stderr
    assert two.config_file.read_text() == CONFIG
    assert [name for name in sessions(two) if name.endswith(".json")] == [
        name for name in before if name.endswith(".json")
    ]


def test_a_rename_that_the_file_does_not_allow_gives_the_session_back(two):
    text = CONFIG.replace('[contexts.nas] # in the cellar\nurl = "http://nas.test:8200"\npin = "ab12"\n', "")
    two.config_file.write_text(f'contexts.nas.url = "{URL}"\n' + text.replace("[contexts.attic]", "[other]"))
    ended = two.run("config", "rename", "nas", "cellar")
    assert (ended.status, "edit the file by hand" in ended.stderr) == (78, True)
    assert "nas.json" in sessions(two)
    assert two.run("list", "backups").status == 0


def test_a_removed_context_leaves_no_trace_and_no_session(two, keyring):
    two.keyring = keyring
    keyring.kept[KEPT_PASSWORD] = PASSWORD
    two.run("config", "set", "keyring", "true", "--context", "nas")
    ended = two.run("config", "remove", "nas")
    assert ended.status == 0
    assert "there is no current context any more" in ended.stderr
    assert data(two) == {
        "groups": {"office": ["attic"], "pattern": ["na*"]},
        "contexts": {"attic": {"url": "http://attic.test:8200"}},
    }
    assert "# the small one" in two.config_file.read_text()
    assert sessions(two) == ["attic.json", "attic.json.lock"]
    assert not two.server.is_login_alive
    assert keyring.kept == {}


def test_a_password_that_another_context_uses_stays(stage, keyring):
    stage.log_in("--keyring", "--name", "one")
    stage.log_in("--keyring", "--name", "two")
    assert stage.run("config", "remove", "one").status == 0
    assert keyring.kept == {KEPT_PASSWORD: PASSWORD}
    assert stage.run("config", "remove", "two").status == 0
    assert keyring.kept == {}


def test_a_session_in_the_keyring_goes_with_its_context(stage, keyring):
    stage.log_in("--keyring-session")
    assert KEPT_SESSION in keyring.kept
    assert stage.run("config", "remove", "nas.test").status == 0
    assert keyring.kept == {}
    assert not stage.server.is_login_alive


def test_a_context_whose_server_is_away_is_removed_and_its_session_told_of(two):
    two.server.failure = errors.ConnectionRefused("nothing answers at nas.test:8200")
    ended = two.run("config", "remove", "nas")
    assert ended.status == 6
    assert "could not be ended there: nothing answers" in ended.stderr
    assert "not proven to be over" in ended.stderr
    assert "nas" not in data(two)["contexts"]
    assert "nas.json" not in sessions(two)


def test_a_context_without_an_address_can_be_removed(two):
    two.run("config", "unset", "url", "--context", "nas")
    assert two.run("config", "remove", "nas").status == 0
    assert "nas" not in data(two)["contexts"]


def test_several_contexts_are_removed_at_once_and_another_stays_current(two):
    two.run("config", "use", "attic")
    ended = two.run("config", "remove", "nas")
    assert "no current context" not in ended.stderr
    assert data(two)["current"] == "attic"
    assert two.run("config", "remove").status == 64
    assert two.run("config", "remove", "nas").status == 78


def test_forgetting_at_the_logout_is_removing(two):
    ended = two.run("logout", "--context", "nas", "--forget")
    assert (ended.status, "the context nas is removed" in ended.stderr) == (0, True)
    assert not two.server.is_login_alive
    assert data(two)["groups"] == {"office": ["attic"], "pattern": ["na*"]}
    assert sessions(two) == ["attic.json", "attic.json.lock"]


def test_forgetting_works_also_while_the_server_is_away(two):
    two.server.failure = errors.ConnectionRefused("nothing answers at nas.test:8200")
    assert two.run("logout", "--context", "nas", "--forget").status == 6
    assert "nas" not in data(two)["contexts"]


def test_a_logout_says_that_the_keyring_lets_in_again(stage, keyring):
    stage.log_in("--keyring")
    assert "logout --forget" in stage.run("logout").stderr


def test_a_login_name_that_selectors_could_not_take_is_refused(stage):
    assert stage.log_in("--name", "a*").status == 65
    assert stage.server.requests == []


def test_a_keyring_that_is_gone_keeps_no_context_here(stage, keyring):
    stage.log_in("--keyring", "--keyring-session")
    keyring.failure = RuntimeError("no such bus")
    ended = stage.run("config", "remove", "nas.test")
    assert ended.status == 6
    assert "stays there: the keyring does not read: no such bus" in ended.stderr
    assert data(stage) == {}
