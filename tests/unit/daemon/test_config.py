"""The daemon's file: each setting, each mistake with its line and the next step, and no secret in any message."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from duplicati_client.daemon.config import DaemonConfig, check_url, load, read
from duplicati_client.daemon.tables import Document
from duplicati_client.errors import ConfigurationInvalid, InvalidValue

SECRET = "Xq7-unguessable-segment"
PIN = "ab" * 32
SMALL = """\
name = "nas"
state_folder = "state"
[task_server]
url = "https://tasks.test/"
[servers.main]
url = "http://127.0.0.1:8200"
[policy]
"""
WHOLE = f"""\
name = "nas.attic-2_b"
state_folder = "/var/lib/duplicati-daemon"
policy_file = "/etc/policy.toml"
poll_seconds = 5

[limits]
in_flight = 50
free_space_mib = 0

[task_server]
url = "http://tasks.test:8300/backups/"
allow_http = true
token_file = "secrets/token"
basic = true
proxy = "http://proxy.test:3128"

[servers.main]
url = "https://duplicati.test:8200"
ca_file = "ca.pem"
password_file = "~/password"
proxy = "none"

[servers."nas.local"]
url = "localhost:8200"
pin = "{":".join(["AB"] * 32)}"
credential = "duplicati-password"

[servers.shared]
url = "https://[fe80::1]:8200/duplicati/"
session_file = "session.json"
"""


def read_text(text: str) -> DaemonConfig:
    return read(Document("/etc/duplicati/daemon.toml", text, tomllib.loads(text)))


def change(before: str, after: str) -> str:
    """Return the small file with one thing changed."""
    assert before in SMALL
    return SMALL.replace(before, after)


def refuse(text: str) -> ConfigurationInvalid:
    with pytest.raises(ConfigurationInvalid) as failure:
        read_text(text)
    return failure.value


# --- what it says ---------------------------------------------------------------------------------------


def test_small_file_is_enough() -> None:
    config = read_text(SMALL)
    assert (config.name, config.state_folder) == ("nas", "/etc/duplicati/state")
    assert config.policy_file == config.path == "/etc/duplicati/daemon.toml"
    assert (config.poll_seconds, config.in_flight_count, config.floor_bytes) == (30, 1000, 64 * 1024 * 1024)
    assert (config.task_server.url, config.task_server.token_file) == (
        "https://tasks.test",
        "/etc/duplicati/state/token",
    )
    assert not config.task_server.is_basic
    main = config.servers["main"]
    assert (main.url, main.password_file, main.credential, main.session_file) == ("http://127.0.0.1:8200", *[None] * 3)
    assert main.way.connection.proxy_url is None
    assert config.plain_urls == []


def test_every_setting_is_read_and_paths_are_meant_from_the_folder_of_the_file() -> None:
    config = read_text(WHOLE)
    assert (config.name, config.state_folder) == ("nas.attic-2_b", "/var/lib/duplicati-daemon")
    assert config.policy_file == "/etc/policy.toml"
    assert (config.poll_seconds, config.in_flight_count, config.floor_bytes) == (5, 50, 0)
    tasks = config.task_server
    assert (tasks.url, tasks.is_basic) == ("http://tasks.test:8300/backups", True)
    assert tasks.token_file == "/etc/duplicati/secrets/token"
    assert tasks.way.connection.proxy_url == "http://proxy.test:3128"
    assert config.plain_urls == ["http://tasks.test:8300/backups"]
    main, local, shared = config.servers.values()
    assert (main.alias, main.url, main.way.ca_file) == ("main", "https://duplicati.test:8200", "/etc/duplicati/ca.pem")
    assert main.password_file == os.path.join(os.path.expanduser("~"), "password")
    assert main.way.connection.proxy_url == ""
    assert (local.alias, local.url, local.way.pin) == ("nas.local", "http://localhost:8200", PIN)
    assert local.credential == "duplicati-password"
    assert shared.session_file == "/etc/duplicati/session.json"


def test_file_is_read_from_the_disk_with_the_same_care(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    path = folder / "daemon.toml"
    path.write_text(SMALL)
    path.chmod(0o600)
    assert load(str(path)).state_folder == str(folder / "state")
    path.chmod(0o660)
    with pytest.raises(ConfigurationInvalid, match="others may change"):
        load(str(path))
    path.unlink()
    with pytest.raises(ConfigurationInvalid, match="there is no file") as failure:
        load(str(path))
    assert failure.value.hint == f"duplicati daemon init --config {path}"


# --- mistakes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "told", "hint"),
    [
        ("", None, "state_folder is missing", 'state_folder = "state"'),
        (change('name = "nas"\n', ""), None, "has no name", 'name = "…"'),
        (change('"nas"', '"my nas"'), 1, "is no name", "letters, digits"),
        (change('"nas"', '".."'), 1, "is no name", "letters, digits"),
        (change('"nas"', "3"), 1, "name is not a line of text", None),
        (change('"state"', '""'), 2, "state_folder is not a line of text", None),
        (change('"state"', "['a']"), 2, "state_folder is not a line of text", None),
        (change('"state"', '"state"\npoll_seconds = 0'), 3, "from 1 to 86400", None),
        (change('"state"', '"state"\npoll_seconds = "5"'), 3, "from 1 to 86400", None),
        (change('"state"', '"state"\npol_seconds = 5'), 3, "is not known", "did you mean poll_seconds?"),
        (change('"state"', '"state"\nstate_dir = "x"'), 3, "is not known", "did you mean state_folder?"),
        (change('"state"', '"state"\npolicy_file = "x"'), 3, "although there is a [policy] here", "keep one"),
        (change("[policy]\n", ""), None, "policy is missing", 'preset = "run"'),
        (change("[task_server]", "[task-server]"), None, "task_server is missing", "[task_server]"),
        (change("[task_server]\n", "task_server = 3\n"), 3, "is not a table", None),
        (change('url = "https://tasks.test/"\n', ""), 3, "task_server has no url", None),
        (change("https://tasks.test/", "ftp://tasks.test"), 4, "not the address of a server", "example"),
        (change("https://tasks.test/", "https://tasks.test:0"), 4, "not the address of a server", "example"),
        (change("https://tasks.test/", "https://"), 4, "not the address of a server", "example"),
        (change("https://tasks.test/", "https://tasks.test/?a=b"), 4, "of a page and not of a server", "example"),
        (change("https://tasks.test/", "https://tasks.test/a/../b"), 4, "characters that may not be there", None),
        (change("tasks.test/", 'tasks.test/"\nbasic = "yes'), 5, "basic is neither true nor false", None),
        (change("tasks.test/", 'tasks.test/"\nallow_http = 1\nx = "'), 5, "allow_http is neither true nor false", None),
        (
            change("tasks.test/", 'tasks.test/"\ntoken = "x'),
            5,
            "no secret belongs in this file",
            "a file that holds it",
        ),
        (change("tasks.test/", 'tasks.test/"\ntoken-file = "x'), 5, "is not known", "did you mean token_file?"),
        (change("tasks.test/", 'tasks.test/"\nproxy = "socks5://p'), 5, "only http:// proxies", None),
        (change("tasks.test/", 'tasks.test/"\nproxy = "http://p:99999'), 5, "the address of the proxy is none", None),
        (change("tasks.test/", 'tasks.test/"\npassword_file = "x'), 5, "is not known", None),
        (change("[servers.main]", "[server.main]"), None, "servers is missing", "[servers.main]"),
        (change("[servers.main]", "[servers]"), 6, "servers.url is not a table", None),
        (change("[servers.main]", "[servers.'a b']"), 5, "is no alias", "letters, digits"),
        (change("[servers.main]", "[servers.-a]"), 5, "is no alias", "letters, digits"),
        (change(":8200", ':8200"\npassword = "x'), 7, "no secret belongs in this file", "a file that holds it"),
        (change(":8200", ':8200"\npasword_file = "x'), 7, "is not known", "did you mean password_file?"),
        (change(":8200", ':8200"\npin = "12:34'), 7, "is not a SHA-256", "duplicati doctor"),
        (change(":8200", f':8200"\npin = "{"g" * 64}'), 7, "is not a SHA-256", "duplicati doctor"),
        (change(":8200", ':8200"\ncredential = "../x'), 7, "not the name of a systemd credential", None),
        (change(":8200", ':8200"\npassword_file = "a"\ncredential = "x'), 8, "exclude each other", None),
        (SMALL + "[limits]\nin_flight = 0", 9, "from 1 to 10000", None),
        (SMALL + "[limits]\nfree_space_mib = -1", 9, "from 0 to", None),
        (SMALL + "[limits]\nin_flights = 9", 9, "is not known", "did you mean in_flight?"),
        ("limits = 5\n" + SMALL, 1, "is not a table", None),
    ],
)
def test_mistake_is_told_with_its_line_and_the_next_step(
    text: str, line: int | None, told: str, hint: str | None
) -> None:
    failure = refuse(text)
    where, _, what = failure.message.partition(": ")
    assert where == ("/etc/duplicati/daemon.toml" if line is None else f"/etc/duplicati/daemon.toml:{line}")
    assert told in what
    assert hint is None or hint in str(failure.hint)
    assert len(failure.message) < 400


@pytest.mark.parametrize(
    "key", ["name", "state_folder", "policy_file", "poll_seconds", "limits", "task_server", "servers"]
)
@pytest.mark.parametrize("value", ["[]", "{x = 1}", "1.5", "true", "2026-11-24T12:00:00Z", "''", "[[1]]", "-1"])
def test_value_of_another_type_is_refused(key: str, value: str) -> None:
    data: dict[str, Any] = tomllib.loads(SMALL)
    if key == "policy_file":
        del data["policy"]
    data[key] = tomllib.loads(f"x = {value}")["x"]
    with pytest.raises(ConfigurationInvalid):
        read(Document("daemon.toml", "", data))


# --- no secret in any message ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"http://tasks.test/{SECRET}/",
        f"http://tasks.test:8300/a/{SECRET}",
        f"https://user:{SECRET}@tasks.test/",
        f"http://{SECRET}@tasks.test/",
        f"https://tasks.test/?token={SECRET}",
        f"https://tasks.test/#{SECRET}",
        f"https://tasks.test/<{SECRET}>",
        f"https://tasks.test/../{SECRET}",
        f"https://tasks.test:{SECRET}/",
        f"https://[{SECRET}/",
        f"tasks://{SECRET}",
        f"https://tasks.test/{SECRET}\\u0007",
        f"https://tasks.test/{SECRET}\\n",
    ],
)
def test_address_that_cannot_be_used_is_not_shown_whole(url: str) -> None:
    for text in (change("https://tasks.test/", url), change("http://127.0.0.1:8200", url)):
        failure = refuse(text)
        assert SECRET.lower() not in f"{failure.message} {failure.hint}".lower()
        assert "url" in failure.message


@pytest.mark.parametrize(
    "proxy", [f"socks5://u:{SECRET}@p", f"http://u:{SECRET}@p:99999", f"http://u:{SECRET}@", f"http://[{SECRET}"]
)
def test_proxy_that_cannot_be_used_is_not_shown(proxy: str) -> None:
    failure = refuse(change("tasks.test/", f'tasks.test/"\nproxy = "{proxy}'))
    assert SECRET not in f"{failure.message} {failure.hint}"


# --- without TLS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8300", "http://localhost", "http://[::1]:8300/x", "https://tasks.test", "tasks.test"]
)
def test_address_of_this_machine_or_with_tls_needs_no_permission(url: str) -> None:
    found, is_plain = check_url(url, is_http_allowed=False)
    assert not is_plain
    assert found.startswith("http")


@pytest.mark.parametrize(
    "url", ["http://tasks.test", "http://192.0.2.1:8300", "http://127.0.0.1.evil.test", "http://[::2]"]
)
def test_plain_address_of_another_machine_needs_its_own_permission(url: str) -> None:
    with pytest.raises(InvalidValue, match="without TLS") as failure:
        check_url(url, is_http_allowed=False)
    assert "allow_http = true" in str(failure.value.hint)
    assert check_url(url, is_http_allowed=True) == (url, True)


def test_permission_holds_for_the_one_address_that_has_it() -> None:
    text = change("https://tasks.test/", 'http://tasks.test/"\nallow_http = true\n#"').replace(
        "http://127.0.0.1:8200", "http://duplicati.test:8200"
    )
    failure = refuse(text)
    assert "servers.main.url" in failure.message
    allowed = read_text(text.replace('duplicati.test:8200"', 'duplicati.test:8200"\nallow_http = true'))
    assert allowed.plain_urls == ["http://tasks.test", "http://duplicati.test:8200"]
