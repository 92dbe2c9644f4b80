"""Files of the old client become a login here, and their passwords are never shown."""

from __future__ import annotations

import json
import tomllib

import pytest

from duplicati_client.cli.oldparams import read_plan
from tests.unit.cli.stage import PASSWORD, URL

CONFIG = """\
authorization: ''
last_login: 2021-05-03 21:17:05.123456
nonce: hush-nonce
parameters_file: {params}
precise: true
server:
  port: '8200'
  protocol: http
  url: nas.test
  verify: true
session-auth: hush-session
token: hush-token
token_expires: 2021-05-03 21:27:05.123456
verbose: false
"""


def save(tmp_path, text, name="old.yml"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


@pytest.fixture
def config(tmp_path):
    params = save(tmp_path, f"password: {PASSWORD}\nverbose: True\n", "params.yml")
    return save(tmp_path, CONFIG.format(params=params), "config.yml")


def test_the_new_commands_are_printed_and_nothing_is_done_without_a_terminal(stage, config):
    ended = stage.run("login", "--params", config)
    assert (ended.status, stage.server.requests) == (0, [])
    assert ended.stdout == f"duplicati login {URL}\nduplicati config set verbose true\n"
    assert "password: used for this login and not stored" in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
    assert "hush" not in ended.stdout + ended.stderr


def test_at_a_terminal_the_login_is_done_with_the_files_password(stage, config):
    ended = stage.run("login", "--params", config, is_terminal=True)
    assert ended.status == 0
    assert f"duplicati login {URL}\n" in ended.stdout
    assert PASSWORD not in ended.stdout + ended.stderr
    assert tomllib.loads(stage.config_file.read_text()) == {
        "current": "nas.test", "verbose": True, "contexts": {"nas.test": {"url": URL}},
    }  # fmt: skip
    assert stage.run("list", "backups").status == 0


def test_the_password_can_move_into_the_keyring(stage, keyring, config):
    assert stage.run("login", "--params", config, "--keyring", is_terminal=True).status == 0
    assert list(keyring.kept.values()) == [PASSWORD]


def test_a_program_gets_the_commands_as_a_document(stage, config):
    item = json.loads(stage.run("login", "--params", config, "-o", "json").stdout)["item"]
    assert item["commands"][0] == f"duplicati login {URL}"
    assert PASSWORD not in json.dumps(item)


@pytest.mark.parametrize(
    ("text", "url", "options"),
    [
        ("url: nas.test", "http://nas.test:8200", {}),
        ("url: https://nas.test", "https://nas.test", {}),
        ("url: https://nas.test/\ninsecure: true", "https://nas.test", {"insecure": True}),
        ("url: nas.test:8300\ncertfile: /etc/own.pem", "http://nas.test:8300", {"ca_file": "/etc/own.pem"}),
        ("server: {protocol: https, url: nas, port: ''}", "https://nas", {}),
        ("server: {protocol: https, url: nas, port: 8200, verify: false}", "https://nas:8200", {"insecure": True}),
        ("server: {protocol: https, url: nas, port: '1', verify: /o.pem}", "https://nas:1", {"ca_file": "/o.pem"}),
        ("server: {url: nas}\nurl: attic:81", "http://attic:81", {}),
    ],
)
def test_address_and_trust_are_those_of_the_old_client(tmp_path, text, url, options):
    plan = read_plan(save(tmp_path, text))
    assert (plan.url, dict(plan.options)) == (url, options)


def test_another_address_can_be_given(tmp_path):
    assert read_plan(save(tmp_path, "password: x"), "https://attic").url == "https://attic"


def test_every_field_that_cannot_be_taken_over_is_told(tmp_path):
    path = save(
        tmp_path, "url: nas\nbasic-user: ann\nbasic_pass: hush\nlines: 20\nscript: true\nparameters_file: /gone\n"
    )
    remarks = read_plan(path).remarks
    assert [remark.partition(":")[0] for remark in remarks] == [
        *("parameters_file", "basic_user", "basic_pass", "lines", "script"),
    ]
    assert "hush" not in str(remarks)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("password: x", "names no server"),
        ("url: 'nas test'", "names no server"),
        ("- a\n- b", "holds no parameters"),
        ("", "holds no parameters"),
        ("a: 1\npassword: 'hush\n", "not valid YAML, line"),
        ("password: [hush", "not valid YAML, line"),
        ("password: hush\x00", "not valid YAML"),
        ("url: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_without_its_text(stage, tmp_path, text, told):
    ended = stage.run("login", "--params", save(tmp_path, text))
    assert ended.status == 65
    assert told in ended.stderr
    assert "hush" not in ended.stderr


def test_a_file_that_is_not_there_is_told(stage):
    assert stage.run("login", "--params", "/nowhere/old.yml").status == 65


def test_a_file_in_place_of_an_address_gets_the_right_option_as_its_hint(stage):
    ended = stage.run("login", "old.yml")
    assert ended.status == 64
    assert "duplicati login --params old.yml" in ended.stderr


def test_what_would_be_a_command_is_quoted_for_the_shell(tmp_path):
    assert read_plan(save(tmp_path, "url: nas\ncertfile: /a b/c.pem")).commands() == [
        "duplicati login http://nas:8200 --ca-file '/a b/c.pem'"
    ]
