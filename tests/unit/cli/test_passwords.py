"""A password is looked for in one order of places, only when a login needs it, and its file is better private."""

from __future__ import annotations

import tomllib

import pytest

from tests.unit.cli.safe_keyring import KEPT_PASSWORD, end_session
from tests.unit.cli.stage import PASSWORD, URL


def write(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_places_are_looked_at_in_the_documented_order(stage, keyring, tmp_path):
    """Each place holds the right password and every later one a wrong one; then the place goes."""
    (tmp_path / "credentials").mkdir()
    credential = tmp_path / "credentials" / "duplicati-password"
    remembered = tmp_path / "remembered"
    stage.log_in("--keyring", "--password-file", write(tmp_path / "option", PASSWORD))
    stage.run("config", "set", "password_file", str(remembered), "--context", "nas.test")
    environ = {"DUPLICATI_CLIENT_PASSWORD": "wrong", "CREDENTIALS_DIRECTORY": str(credential.parent)}
    write(remembered, "wrong")
    write(credential, "wrong")
    keyring.kept[KEPT_PASSWORD] = "wrong"

    def works(*words, stdin="", **more):
        end_session(stage)
        return stage.run("list", "backups", *words, stdin=stdin, **environ, **more).status == 0

    assert works("--password-stdin", stdin=PASSWORD + "\n")
    assert works("--password-file", str(tmp_path / "option"))
    assert not works()
    environ["DUPLICATI_CLIENT_PASSWORD"] = PASSWORD
    assert works()
    del environ["DUPLICATI_CLIENT_PASSWORD"]
    assert not works()
    write(remembered, PASSWORD)
    assert works()
    stage.run("config", "unset", "password_file", "--context", "nas.test")
    assert not works()
    write(credential, PASSWORD)
    assert works()
    credential.unlink()
    assert not works()
    keyring.kept[KEPT_PASSWORD] = PASSWORD
    assert works()


def test_no_place_is_looked_at_while_the_session_lives(stage, keyring, tmp_path):
    stage.log_in("--keyring", "--password-file", write(tmp_path / "pw", PASSWORD))
    keyring.visits.clear()
    assert stage.run("list", "backups", "--password-file", str(tmp_path / "gone")).status == 0
    assert keyring.visits == []


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_password_file_that_others_can_read_is_told(stage, tmp_path, mode, is_told):
    path = write(tmp_path / "pw", PASSWORD, mode)
    ended = stage.run("login", URL, "--password-file", path)
    assert ended.status == 0
    assert (f"everybody on this machine can read {path}" in ended.stderr) is is_told
    assert (f"chmod 600 {path}" in ended.stderr) is is_told


def test_a_credential_may_be_named_for_each_context(stage, tmp_path):
    write(tmp_path / "nas-password", PASSWORD)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert stage.run("login", URL, "--credential", "nas-password", **environ).status == 0
    assert tomllib.loads(stage.config_file.read_text())["contexts"]["nas.test"]["credential"] == "nas-password"
    end_session(stage)
    assert stage.run("list", "backups", **environ).status == 0
    end_session(stage)
    assert stage.run("list", "backups").status == 77  # outside the unit there is none


def test_a_named_credential_that_is_not_there_is_told(stage, tmp_path):
    ended = stage.run("login", URL, "--credential", "nas", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert ended.status == 65
    assert f"{tmp_path / 'nas'} cannot be read" in ended.stderr


@pytest.mark.parametrize("name", ["../etc/passwd", "..", "/etc/passwd", "a/b"])
def test_a_credential_cannot_lead_out_of_its_folder(stage, tmp_path, name):
    ended = stage.run("login", URL, "--credential", name, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert (ended.status, "cannot be called" in ended.stderr) == (65, True)
    assert "POST api/v1/auth/login" not in stage.server.requests


def test_two_places_on_one_command_line_exclude_each_other(stage, tmp_path):
    ended = stage.run("login", URL, "--password-stdin", "--password-file", "pw", stdin=PASSWORD)
    assert (ended.status, stage.server.requests) == (64, [])
