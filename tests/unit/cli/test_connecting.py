"""How a server is reached and what lets us in."""

from __future__ import annotations

import pytest

from duplicati_client.cli.call import Call, Process
from duplicati_client.cli.commands.status import VERB
from duplicati_client.cli.connecting import read_connection
from duplicati_client.cli.console import Console
from duplicati_client.cli.parser import Given
from tests.unit.cli.stage import PASSWORD, URL, Stage, Terminal


def test_a_session_for_a_bare_address_ends_with_the_command(stage):
    ended = stage.run("list", "backups", "--server", URL, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert ended.status == 0
    assert not stage.server.is_login_alive
    assert not stage.config_file.exists()


def test_the_password_may_come_from_a_file_without_its_line_end(stage, tmp_path):
    (tmp_path / "pw").write_text(PASSWORD + "\r\n")
    assert stage.run("login", URL, "--password-file", str(tmp_path / "pw")).status == 0


def test_the_password_may_come_from_stdin(stage):
    assert stage.run("login", URL, "--password-stdin", stdin=PASSWORD + "\n").status == 0


@pytest.mark.parametrize(
    ("words", "environ", "told"),
    [
        (["--password-file", "/nowhere/pw"], {}, "/nowhere/pw cannot be read"),
        (["--password-stdin"], {}, "no password in stdin"),
        (["--header-file", "/nowhere/h"], {}, "/nowhere/h cannot be read"),
        ([], {"DUPLICATI_CLIENT_HEADERS": "X-Key hush"}, "NAME=VALUE"),
    ],
)
def test_what_lets_us_in_has_to_be_readable(stage, words, environ, told):
    ended = stage.run("login", URL, *words, **environ)
    assert ended.status == 65
    assert told in ended.stderr
    assert "hush" not in ended.stderr


def connection_of(environ):
    console = Console(Terminal(), Terminal(), Terminal(), environ)
    return read_connection(Call(VERB, Given((), {}), Process(environ, console, lambda prompt: "")), None)


def test_headers_come_from_a_file_with_remarks(tmp_path):
    (tmp_path / "headers").write_text("# for the proxy\nX-Key = a=b\n\nX-Other=c\n")
    environ = {"HOME": "/nowhere", "DUPLICATI_CLIENT_HEADER_FILE": str(tmp_path / "headers")}
    assert connection_of(environ).headers == {"X-Key": "a=b", "X-Other": "c"}


@pytest.mark.parametrize(("told", "used"), [("none", ""), ("http://proxy:3128", "http://proxy:3128")])
def test_the_environments_proxy_can_be_replaced_or_ignored(told, used):
    assert connection_of({"HOME": "/nowhere", "DUPLICATI_CLIENT_PROXY": told}).proxy_url == used


def test_without_a_home_a_session_lives_as_long_as_the_command(stage):
    stage.environ = {"HOME": "nowhere", "DUPLICATI_CLIENT_PASSWORD": PASSWORD}
    ended = stage.run("list", "backups", "--server", URL)
    assert (ended.status, ended.stderr) == (0, "")


def test_with_a_home_that_cannot_be_written_a_login_works_and_says_that_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("")  # a folder cannot be made below it, not even by root
    stage = Stage(tmp_path / "file")
    ended = stage.log_in()
    assert ended.status == 0
    assert "nothing can be remembered" in ended.stderr
    ended = stage.run("list", "backups", "--server", URL, "--verbose", DUPLICATI_CLIENT_PASSWORD=PASSWORD)
    assert ended.status == 0


def test_a_context_whose_session_cannot_be_kept_leaves_none_behind(stage, tmp_path):
    stage.log_in()
    (tmp_path / "file").write_text("")
    environ = {"DUPLICATI_CLIENT_STATE_DIR": str(tmp_path / "file"), "DUPLICATI_CLIENT_PASSWORD": PASSWORD}
    ended = stage.run("list", "backups", "--verbose", **environ)
    assert ended.status == 0
    assert "lives in memory only" in ended.stderr
    assert stage.server.requests[-2:] == ["POST api/v1/auth/refresh/logout", "POST api/v1/auth/refresh"]
