"""`login` and `logout`: what is remembered, what is not, and when a person is asked."""

from __future__ import annotations

import json
import stat
import tomllib

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, Request
from tests.fakes import answer
from tests.unit.cli.stage import PASSWORD, URL, FakeServer, Stage

_OPEN = "it wants no password: whoever reaches it can do what you can"


class OpenServer(FakeServer):
    """A server of 2.0 without a password (2.0.8.1 no-password:802-807)."""

    def send(self, request: Request) -> Answer:
        """Hand out a token to whoever has none, and let in whoever has one."""
        cookie = ("Set-Cookie", "xsrf-token=t1")
        if request.path == "":
            return answer(200, b"<html>", headers=[cookie])
        if "X-XSRF-Token" not in request.headers:
            return answer(400, headers=[cookie], reason="Missing XSRF Token. Please reload the page")
        return answer(200, {"ServerVersion": "2.0.8.1"})


def test_a_login_makes_a_context_and_keeps_the_session_private(stage):
    ended = stage.log_in()
    assert (ended.status, ended.stdout) == (0, "")
    assert tomllib.loads(stage.config_file.read_text()) == {
        "current": "nas.test",
        "contexts": {"nas.test": {"url": URL}},
    }
    session = stage.home / ".local/state/duplicati-client/sessions/nas.test.json"
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    assert PASSWORD not in session.read_text() + stage.config_file.read_text()


def test_later_commands_need_no_password(stage):
    stage.log_in()
    assert stage.run("list", "backups").status == 0


def test_how_to_connect_is_remembered_with_whole_paths(stage, tmp_path):
    (tmp_path / "headers").write_text("X-Key=hush\n")
    stage.log_in("--pin", "ab12", "--header-file", str(tmp_path / "headers"), "--insecure")
    context = tomllib.loads(stage.config_file.read_text())["contexts"]["nas.test"]
    assert context == {"url": URL, "pin": "ab12", "header_file": str(tmp_path / "headers")}


def test_a_second_server_of_the_same_host_gets_its_port_into_its_name(tmp_path):
    stage = Stage(tmp_path, FakeServer(), FakeServer("http://nas.test:8300"))
    stage.log_in()
    stage.log_in(url="http://nas.test:8300")
    assert set(tomllib.loads(stage.config_file.read_text())["contexts"]) == {"nas.test", "nas.test-8300"}


def test_another_login_to_the_same_server_keeps_the_name_it_has(stage):
    stage.log_in("--name", "basement")
    stage.log_in()
    assert set(tomllib.loads(stage.config_file.read_text())["contexts"]) == {"basement"}


def test_a_login_without_an_address_is_to_the_current_context(stage):
    stage.log_in()
    stage.run("logout")
    assert stage.run("login", DUPLICATI_CLIENT_PASSWORD=PASSWORD).status == 0
    assert stage.run("list", "backups").status == 0


def test_a_person_is_asked_only_at_a_terminal(stage):
    stage.typed_password = PASSWORD
    assert stage.run("login", URL, is_terminal=True).status == 0


def test_nobody_is_asked_without_a_terminal(stage):
    ended = stage.run("login", URL)
    assert ended.status == 77
    assert "--password-file" in ended.stderr


def test_a_server_that_is_not_there_is_told_before_the_password_is_asked_for(stage):
    stage.server.failure = errors.ConnectionRefused("nothing answers at nas.test:8200")
    assert stage.run("login", URL, is_terminal=True).status == 69


def test_a_wrong_password_is_tried_once_and_leaves_no_context(stage):
    ended = stage.run("login", URL, DUPLICATI_CLIENT_PASSWORD="wrong")
    assert ended.status == 77
    assert len(ended.stderr.splitlines()) == 2
    assert stage.server.requests.count("POST api/v1/auth/login") == 1
    assert not stage.config_file.exists()


def test_a_login_for_a_program_is_an_object(stage):
    ended = stage.log_in("--output", "json")
    assert json.loads(ended.stdout)["item"] == {
        "context": "nas.test", "url": URL, "version": "2.3.1.0", "generation": "modern", "is_remembered": True,
    }  # fmt: skip


@pytest.mark.parametrize("url", ["", "ftp://nas", "http://ann:hush@nas", "http://nas/a b"])
def test_what_is_no_address_is_refused_without_repeating_a_password(stage, url):
    ended = stage.run("login", url)
    assert ended.status == 65
    assert "hush" not in ended.stderr


def test_a_logout_ends_the_session_and_says_how_to_get_a_new_one(stage):
    stage.log_in()
    assert stage.run("logout").status == 0
    assert not stage.server.is_login_alive
    ended = stage.run("list", "backups")
    assert ended.status == 77
    assert ended.stderr.splitlines()[-1] == f"  try: duplicati login {URL}"


def test_a_logout_that_the_server_does_not_prove_is_told(stage):
    stage.log_in()
    stage.server.can_log_out = False
    ended = stage.run("logout")
    assert ended.status == 6
    assert "does not prove" in ended.stderr


def test_a_server_without_a_password_is_warned_of_and_has_no_session_to_end(tmp_path):
    stage = Stage(tmp_path, OpenServer())
    ended = stage.run("login", URL)
    assert (ended.status, ended.stderr.splitlines()[1:]) == (0, [_OPEN])
    assert stage.run("logout").status == 0


def test_a_logout_without_a_session_is_no_error(stage):
    stage.log_in()
    stage.run("logout")
    assert stage.run("logout").status == 0


def test_a_forgotten_context_leaves_the_remarks_of_the_file(stage):
    stage.log_in()
    stage.config_file.write_text("# mine\n\n" + stage.config_file.read_text())
    assert stage.run("logout", "--forget").status == 0
    assert tomllib.loads(stage.config_file.read_text()) == {}
    assert stage.config_file.read_text().startswith("# mine\n")


def test_a_login_that_cannot_be_remembered_leaves_no_session_behind(tmp_path):
    (tmp_path / "file").write_text("")  # a folder cannot be made below it, not even by root
    stage = Stage(tmp_path / "file")
    ended = stage.log_in("--output", "json")
    assert ended.status == 0
    assert json.loads(ended.stdout)["item"]["is_remembered"] is False
    assert not stage.server.is_login_alive


def test_a_configuration_that_others_look_after_needs_no_writing_for_another_login(tmp_path):
    """Such as one that a tool has put there read-only: a folder in the place of the new file fails every write."""
    stage = Stage(tmp_path, FakeServer(), FakeServer("http://attic.test:8200"))
    stage.log_in("--name", "nas")
    stage.config_file.with_name("config.toml.new").mkdir()
    before = stage.config_file.read_text()
    assert stage.log_in("--name", "nas").stderr == f"logged in to {URL} (Duplicati 2.3.1.0), context nas\n"
    ended = stage.log_in("--name", "nas", "--pin", "ab12")
    assert (ended.status, "the session is kept" in ended.stderr) == (0, True)
    assert "nothing can be remembered" in stage.log_in("--name", "attic", url="http://attic.test:8200").stderr
    assert stage.config_file.read_text() == before
    assert stage.run("list", "backups").status == 0
