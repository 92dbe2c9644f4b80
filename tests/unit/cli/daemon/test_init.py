"""`daemon init`: what it asks, what it takes from options and contexts, what it writes, and when it writes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from duplicati_client.daemon import policy
from duplicati_client.daemon.config import DaemonConfig, load
from tests.shapes.checking import faults_of
from tests.unit.cli.stage import URL, Ended, Stage

TASKS = "https://tasks.test"
SERVER = ("--server", "main=http://127.0.0.1:8200")
GIVEN = ("--task-server", TASKS, *SERVER, "--name", "nas")


def init(stage: Stage, *words: str, **how: object) -> Ended:
    return stage.run("daemon", "init", *words, **how)


@pytest.fixture
def path(stage: Stage) -> Path:
    return stage.config_file.parent / "daemon.toml"


def read(path: Path) -> DaemonConfig:
    return load(str(path))


def names_in(stage: Stage) -> list[str]:
    return sorted(str(found.relative_to(stage.home)) for found in stage.home.rglob("*") if found.is_file())


def test_options_alone_write_a_file_that_the_daemon_takes(stage: Stage, path: Path) -> None:
    ended = init(stage, *GIVEN)
    assert (ended.status, ended.stdout) == (0, "")
    config = read(path)
    assert (config.name, config.task_server.url) == ("nas", TASKS)
    assert config.servers["main"].url == "http://127.0.0.1:8200"
    assert config.state_folder == str(stage.home / ".local/state/duplicati-client/daemon-nas")
    assert policy.load(str(path), config.servers).preset == "default"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_next_steps_are_told_and_name_the_file_only_where_it_is_not_found_by_itself(stage: Stage) -> None:
    told = init(stage, *GIVEN).stderr
    steps = [line.strip() for line in told.splitlines() if line.startswith("  duplicati")]
    assert [step.partition(" CODE@")[0] for step in steps] == [
        "duplicati daemon enrol",
        "duplicati daemon check",
        "duplicati daemon run",
        "duplicati daemon service install",
    ]
    elsewhere = str(stage.home / "my daemon.toml")
    told = init(stage, *GIVEN, "--config", elsewhere).stderr
    assert f"duplicati daemon check --config '{elsewhere}'" in told


def test_programs_get_what_was_written_as_json(stage: Stage, path: Path) -> None:
    ended = init(stage, *GIVEN, "--output", "json")
    item = json.loads(ended.stdout)["item"]
    assert faults_of(ended.stdout) == []
    assert (item["path"], item["name"], item["preset"]) == (str(path), "nas", "default")
    assert item["servers"] == {"main": "http://127.0.0.1:8200"}


def test_a_path_of_the_task_server_is_a_secret_and_in_the_file_alone(stage: Stage, path: Path) -> None:
    secret = f"{TASKS}/d/unguessable"
    ended = init(stage, "--task-server", secret, *SERVER)
    assert read(path).task_server.url == secret
    assert "unguessable" not in ended.stdout + ended.stderr
    ended = init(stage, "--task-server", secret, *SERVER, "--force", "--output", "json")
    assert "unguessable" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("words", [(), GIVEN[:2], SERVER])
def test_what_nobody_can_be_asked_for_is_named(stage: Stage, words: tuple[str, ...]) -> None:
    ended = init(stage, *words)
    missing = [name for name in ("--task-server", "--server") if name not in words]
    assert ended.status == 64
    assert ended.stderr.startswith(f"duplicati: {' and '.join(missing)} ")
    assert "nobody can be asked" in ended.stderr


@pytest.mark.parametrize("preset", ["observe", "run", "restore", "full"])
def test_a_preset_that_is_offered_is_what_the_policy_has(stage: Stage, path: Path, preset: str) -> None:
    assert init(stage, *GIVEN, "--policy", preset).status == 0
    assert policy.load(str(path)).preset == preset


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(stage: Stage, path: Path) -> None:
    init(stage, *GIVEN)
    before = path.read_bytes()
    ended = init(stage, *GIVEN[:-1], "other")
    assert (ended.status, path.read_bytes()) == (73, before)
    assert "--force" in ended.stderr
    assert init(stage, *GIVEN[:-1], "other", "--force").status == 0
    assert read(path).name == "other"


@pytest.mark.parametrize(("answer", "status", "name"), [("n", 73, "nas"), ("y", 0, "other")])
def test_a_person_is_asked_before_a_file_is_replaced(
    stage: Stage, path: Path, answer: str, status: int, name: str
) -> None:
    init(stage, *GIVEN)
    stage.typed_password = ""
    ended = init(stage, *GIVEN[:-1], "other", "--policy", "run", stdin=f"{answer}\n", is_terminal=True)
    assert (ended.status, read(path).name) == (status, name)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--task-server", TASKS), 64),
        (SERVER, 64),
        ((*GIVEN, "more"), 64),
        ((*GIVEN, "--policy", "everything"), 64),
        ((*GIVEN, "--policy", "none"), 64),
        ((*GIVEN, *SERVER), 64),
        ((*GIVEN, "--password-file", "attic=pw"), 64),
        ((*GIVEN, "--password-file", "nowhere"), 65),
        ((*GIVEN, "--server", "a b=http://127.0.0.1:1"), 65),
        ((*GIVEN, "--server", "..=http://127.0.0.1:1"), 65),
        ((*GIVEN, "--server", "=http://127.0.0.1:1"), 65),
        ((*GIVEN, "--server", "attic=nowhere"), 65),
        ((*GIVEN, "--server", "attic=http://user:secret@127.0.0.1:1"), 65),
        ((*GIVEN, "--server", "attic=http://nas.test:8200"), 65),
        (("--task-server", "http://tasks.test", *SERVER), 65),
        (("--task-server", "ftp://tasks.test", *SERVER), 65),
        ((*GIVEN, "--name", "a/b"), 65),
        ((*GIVEN, "--name", 'n"\n[policy]'), 65),
        ((*GIVEN, "--state", "a\nb"), 65),
        ((*GIVEN, "--insecure"), 65),
        ((*GIVEN, "--server", "attic=https://nas.test", "--pin", "zz"), 65),
    ],
)
def test_bad_input_writes_nothing(stage: Stage, words: tuple[str, ...], status: int) -> None:
    before = names_in(stage)
    ended = init(stage, *words)
    assert (ended.status, names_in(stage)) == (status, before)
    assert "secret" not in ended.stderr


def test_plain_http_to_another_machine_has_to_be_said(stage: Stage, path: Path) -> None:
    plain = ("--task-server", "http://tasks.test", "--server", "main=http://nas.test:8200")
    ended = init(stage, *plain)
    assert (ended.status, path.exists()) == (65, False)
    assert "--allow-http" in ended.stderr
    assert init(stage, *plain, "--allow-http").status == 0
    assert read(path).plain_urls == ["http://tasks.test", "http://nas.test:8200"]


def test_a_folder_that_others_may_write_to_is_refused_by_its_name_and_left_clean(stage: Stage) -> None:
    open_folder = stage.home / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    ended = init(stage, *GIVEN, "--config", str(open_folder / "daemon.toml"))
    assert ended.status == 78
    assert "daemon.toml.new" not in ended.stderr
    assert os.listdir(open_folder) == []


def test_a_place_where_nothing_can_be_written_is_told(stage: Stage) -> None:
    (stage.home / "file").write_text("")
    ended = init(stage, *GIVEN, "--config", str(stage.home / "file" / "daemon.toml"))
    assert ended.status == 73
    assert names_in(stage) == ["file"]


def test_password_files_are_for_all_servers_or_for_one(stage: Stage, path: Path) -> None:
    for name in ("all", "one"):
        (stage.home / name).write_text("pw\n")
    files = ("--password-file", str(stage.home / "all"), "--password-file", f"attic={stage.home / 'one'}")
    assert init(stage, *GIVEN, "--server", "attic=https://attic.test", *files).status == 0
    found = {alias: server.password_file for alias, server in read(path).servers.items()}
    assert found == {"main": str(stage.home / "all"), "attic": str(stage.home / "one")}


def test_a_password_of_stdin_is_kept_in_a_file_for_this_user_alone(stage: Stage, path: Path) -> None:
    ended = init(stage, *GIVEN, "--password-stdin", stdin="sésame \n")
    assert ended.status == 0
    file = Path(str(read(path).servers["main"].password_file))
    assert (file, file.read_text(encoding="utf-8")) == (path.parent / "daemon-main.password", "sésame \n")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "sésame" not in path.read_text(encoding="utf-8") + ended.stdout + ended.stderr


def test_a_password_file_that_is_there_is_not_replaced_and_no_other_file_is_left(stage: Stage, path: Path) -> None:
    path.parent.mkdir(parents=True)
    kept = path.parent / "daemon-main.password"
    kept.write_text("kept\n")
    assert init(stage, *GIVEN, "--password-stdin", stdin="new\n").status == 73
    assert (kept.read_text(), os.listdir(path.parent)) == ("kept\n", [kept.name])
    assert init(stage, *GIVEN, "--password-stdin", "--force", stdin="new\n").status == 0
    assert kept.read_text() == "new\n"


def test_a_context_shares_its_stored_login(stage: Stage, path: Path) -> None:
    stage.log_in("--name", "nas")
    assert init(stage, "--task-server", TASKS, "--server", "main=nas", "--allow-http").status == 0
    server = read(path).servers["main"]
    assert (server.url, server.password_file) == (URL, None)
    assert json.loads(Path(str(server.session_file)).read_text())["url"] == URL


def test_a_context_with_a_password_file_or_a_credential_lends_that(stage: Stage, path: Path) -> None:
    stage.log_in("--name", "nas")
    stage.run("config", "set", "credential", "nas-password", "--context", "nas")
    nas = ("--task-server", TASKS, "--server", "nas", "--allow-http")
    init(stage, *nas)
    assert read(path).servers["main"][2:] == (None, "nas-password", None)
    stage.run("config", "set", "password_file", "/etc/nas password", "--context", "nas")
    init(stage, *nas, "--force")
    assert read(path).servers["main"][2:] == ("/etc/nas password", None, None)


def test_how_a_context_is_reached_is_taken_over(stage: Stage, path: Path) -> None:
    stage.log_in("--name", "nas")
    pin = "AB:" * 31 + "AB"
    for key, value in (("url", "https://nas.test"), ("pin", pin), ("ca_file", "/ca.pem"), ("proxy", "none")):
        stage.run("config", "set", key, value, "--context", "nas")
    assert init(stage, "--task-server", TASKS, "--server", "nas").status == 0
    way = read(path).servers["main"].way
    assert way == ("https://nas.test", "/ca.pem", "ab" * 32, "none", False)


def test_a_context_that_a_daemon_cannot_reach_the_same_way_is_refused(stage: Stage, path: Path) -> None:
    stage.log_in("--name", "nas")
    stage.run("config", "set", "client_cert", "/own.pem", "--context", "nas")
    ended = init(stage, "--task-server", TASKS, "--server", "nas", "--allow-http")
    assert (ended.status, path.exists()) == (65, False)
    assert "a certificate of one's own" in ended.stderr


def test_a_person_is_asked_for_what_is_missing_and_asked_again_after_a_mistake(stage: Stage, path: Path) -> None:
    stage.typed_password = "sesame"
    answers = ["http://tasks.test", "tasks.test", "nowhere", "", "", "nas.test", "main", "attic", "", "no", "run"]
    ended = init(stage, "--name", "nas", stdin="".join(f"{answer}\n" for answer in answers), is_terminal=True)
    assert ended.status == 0, ended.stderr
    config = read(path)
    assert config.task_server.url == "https://tasks.test"
    assert {alias: server.url for alias, server in config.servers.items()} == {
        "main": "http://127.0.0.1:8200",
        "attic": "https://nas.test",
    }
    assert policy.load(str(path)).preset == "run"
    assert {file.read_text() for file in path.parent.glob("*.password")} == {"sesame\n"}
    assert ended.stderr.count("duplicati: ") == 4


def test_proposals_are_taken_by_enter(stage: Stage, path: Path) -> None:
    stage.typed_password = ""
    ended = init(stage, stdin="tasks.test\n\n\n\n\n\n", is_terminal=True)
    assert ended.status == 0, ended.stderr
    assert (list(read(path).servers), policy.load(str(path)).preset) == (["main"], "default")
    assert "no password is known" in ended.stderr


@pytest.mark.parametrize("lines_count", range(6))
def test_answers_that_end_too_soon_write_nothing(stage: Stage, path: Path, lines_count: int) -> None:
    stage.typed_password = "sesame"
    answers = ["tasks.test\n", "\n", "\n", "\n", "\n", "\n"]
    assert init(stage, stdin="".join(answers[:lines_count]), is_terminal=True).status == 64
    assert names_in(stage) == []
