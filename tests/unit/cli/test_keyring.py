"""The keyring holds what a person wants there, under the server's address, and only one that protects is used."""

from __future__ import annotations

import json
import tomllib
from threading import Event

import pytest

from duplicati_client import errors
from duplicati_client.cli.keyring import Keyring, _choose, _load_backend, _within
from tests.unit.cli.safe_keyring import KEPT_PASSWORD, KEPT_SESSION, SafeKeyring, end_session
from tests.unit.cli.stage import PASSWORD, URL, FakeServer, Stage


def context_of(stage, name="nas.test"):
    return tomllib.loads(stage.config_file.read_text())["contexts"][name]


def test_a_typed_password_is_kept_and_never_asked_for_again(stage, keyring):
    stage.typed_password = PASSWORD
    ended = stage.run("login", URL, "--keyring", is_terminal=True)
    assert ended.status == 0
    assert "the password is kept in the keyring" in ended.stderr
    assert keyring.kept == {KEPT_PASSWORD: PASSWORD}
    assert context_of(stage) == {"url": URL, "keyring": True}
    assert PASSWORD not in stage.config_file.read_text()
    end_session(stage)
    assert stage.run("list", "backups").status == 0


def test_without_being_asked_for_the_keyring_is_not_touched(stage):
    assert stage.log_in().status == 0
    assert stage.run("list", "backups").status == 0


def test_a_wrong_password_is_not_kept(stage, keyring):
    assert stage.run("login", URL, "--keyring", DUPLICATI_CLIENT_PASSWORD="wrong").status == 77
    assert keyring.kept == {}


def test_a_changed_password_is_asked_for_and_replaces_the_kept_one(stage, keyring):
    stage.log_in("--keyring")
    keyring.kept[KEPT_PASSWORD] = "old"
    stage.typed_password = PASSWORD
    ended = stage.run("login", URL, is_terminal=True)
    assert ended.status == 0
    assert "refuses the password in the keyring" in ended.stderr
    assert keyring.kept == {KEPT_PASSWORD: PASSWORD}


def test_a_changed_password_is_no_reason_to_ask_without_a_terminal(stage, keyring):
    stage.log_in("--keyring")
    keyring.kept[KEPT_PASSWORD] = "old"
    assert stage.run("login", URL).status == 77


def test_a_kept_password_is_for_its_address_alone(tmp_path):
    other = FakeServer("http://nas.test:8300")
    stage = Stage(tmp_path, FakeServer(), other)
    stage.keyring = SafeKeyring()
    stage.log_in("--keyring")
    stage.run("config", "set", "url", other.base_url, "--context", "nas.test")
    assert stage.run("list", "backups").status == 77
    assert "POST api/v1/auth/login" not in other.requests


def test_a_login_without_the_keyring_takes_the_password_out_of_it(stage, keyring):
    stage.log_in("--keyring")
    stage.log_in("--no-keyring")
    assert keyring.kept == {}
    assert context_of(stage)["keyring"] is False


def test_a_keyring_that_is_gone_can_be_given_up(stage, keyring):
    stage.log_in("--keyring")
    stage.keyring = NULL
    assert stage.log_in("--no-keyring").status == 0
    assert context_of(stage)["keyring"] is False


def test_a_session_in_the_keyring_is_in_no_file(stage, keyring):
    assert stage.log_in("--keyring-session").status == 0
    assert json.loads(keyring.kept[KEPT_SESSION])["refresh_token"] == "r1"
    assert list((stage.home / ".local/state/duplicati-client/sessions").glob("*.json")) == []
    assert stage.run("list", "backups").status == 0
    assert stage.server.requests.count("POST api/v1/auth/login") == 1
    assert stage.run("logout").status == 0
    assert keyring.kept == {}


@pytest.mark.parametrize("damage", ["", "{", "[]", "x" * 9])
def test_a_damaged_session_in_the_keyring_counts_as_none(stage, keyring, damage):
    stage.log_in("--keyring-session")
    keyring.kept[KEPT_SESSION] = damage
    assert stage.run("list", "backups").status == 77


def test_a_keyring_that_stays_locked_is_told_with_what_else_to_do(stage, keyring):
    stage.log_in("--keyring")
    end_session(stage)
    keyring.failure = RuntimeError("Failed to unlock the collection!")
    ended = stage.run("list", "backups")
    assert ended.status == 74
    assert "the keyring does not read: Failed to unlock" in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


def test_a_locked_keyring_is_met_before_the_server_is_asked_for_a_new_pair(stage, keyring):
    stage.log_in("--keyring-session")
    keyring.failure = RuntimeError("locked")
    stage.server.requests.clear()
    assert stage.run("list", "backups").status == 74
    assert stage.server.requests == []


def test_a_keyring_that_waits_for_somebody_whom_nobody_sees_is_given_up(keyring):
    waiting = Event()
    keyring.get_password = lambda service, username: waiting.wait(20)
    with pytest.raises(errors.InputOutputFailed, match="no answer"):
        Keyring(keyring, patience_seconds=0.05).read_password(URL)
    with pytest.raises(TimeoutError):
        _within(0.05, lambda: waiting.wait(20))
    waiting.set()


def test_an_error_does_not_repeat_the_password(keyring):
    keyring.failure = RuntimeError(f"cannot store {PASSWORD}")
    with pytest.raises(errors.InputOutputFailed) as caught:
        Keyring(keyring).keep_password(URL, PASSWORD)
    assert PASSWORD not in caught.value.message


def made_by(module, name, **members):
    return type(name, (), {"__module__": module, **members})()


NULL = made_by("keyring.backends.null", "Keyring")
FAIL = made_by("keyring.backends.fail", "Keyring")
PLAIN = made_by("keyrings.alt.file", "PlaintextKeyring")
SECRET_SERVICE = made_by("keyring.backends.SecretService", "Keyring")


@pytest.mark.parametrize("backend", [NULL, FAIL, PLAIN, made_by("x", "ChainerBackend", backends=[NULL, PLAIN])])
def test_a_keyring_that_keeps_nothing_or_plain_text_is_refused(stage, backend):
    stage.keyring = backend
    ended = stage.run("login", URL, "--keyring", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert ended.status == 78
    assert "no keyring that protects a password" in ended.stderr
    assert stage.server.requests == []


def test_of_a_chain_the_first_that_protects_is_used():
    assert _choose(made_by("keyring.backends.chainer", "ChainerBackend", backends=[PLAIN, SECRET_SERVICE])) is (
        SECRET_SERVICE
    )


def test_a_missing_extra_is_named_with_its_install_command():
    def load(name):
        raise ModuleNotFoundError(name)

    with pytest.raises(errors.ExtraMissing) as caught:
        _load_backend(load)
    assert caught.value.hint == "pip install 'duplicati-client[keyring]'"


def test_a_missing_extra_is_told_before_the_server_is_asked(stage):
    def fail():
        raise errors.ExtraMissing("the keyring needs a part that is not installed")

    stage._open_keyring = fail
    ended = stage.run("login", URL, "--keyring", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert (ended.status, stage.server.requests) == (78, [])
