"""`daemon check`: each line proved by what is there, told with what helps, and never a task taken."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.daemon.proofs import Proof, look_side_by_side, prove_room
from duplicati_client.cli.main import main
from duplicati_client.daemon.config import load
from duplicati_client.daemon.control import Control
from duplicati_client.daemon.guard import Lock
from duplicati_client.daemon.storage import PathFolder, open_folder
from duplicati_client.sandbox.app import Handle, Options, start_in_thread
from tests.daemon_stage import PASSWORD, write_configuration
from tests.shapes.checking import faults_of
from tests.task_server import TaskServer
from tests.unit.cli.stage import Ended, Terminal

SUBJECTS = ["configuration", "policy", "state folder", "free space", "task server", "clock", "server main"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Handle]:
    with start_in_thread(Options(version="2.3.1", password=PASSWORD)) as server:
        yield server


class Bench:
    """A configuration between a task server and a Duplicati server, and its owner at a terminal."""

    def __init__(self, folder: Path, tasks: TaskServer, sandbox: Handle) -> None:
        folder.chmod(0o700)
        self.folder, self.tasks = folder, tasks
        self.config = Path(write_configuration(folder, tasks.url, sandbox.url, "run"))
        self.config.chmod(0o600)
        self.state = folder / "state"

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def run(self, *words: str, columns: int = 200, is_terminal: bool = False, **environ: str) -> Ended:
        told = {"HOME": str(self.folder), "COLUMNS": str(columns), **environ}
        out, err = Terminal(is_terminal=is_terminal), Terminal(is_terminal=is_terminal)
        process = Process(told, Console(Terminal(), out, err, told), lambda prompt: "")
        status = main(("daemon", "check", "--config", str(self.config), *words), process)
        return Ended(status, out.getvalue(), err.getvalue())

    def look(self, **environ: str) -> tuple[int, Mapping[str, Any]]:
        """Return the exit status, and what is said of each subject."""
        ended = self.run("--output", "json", **environ)
        return ended.status, {one["subject"]: one for one in json.loads(ended.stdout)["item"]["proofs"]}


@pytest.fixture
def tasks() -> Iterator[TaskServer]:
    with TaskServer(level=1) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, tasks: TaskServer, sandbox: Handle) -> Bench:
    return Bench(tmp_path, tasks, sandbox)


def test_everything_that_is_well_is_told_with_evidence_and_no_task_is_taken(bench: Bench) -> None:
    bench.tasks.give({"ID": 1, "Operation": "status"})
    ended = bench.run("--output", "json")
    item = json.loads(ended.stdout)["item"]
    told = {one["subject"]: one["message"] for one in item["proofs"]}
    assert (ended.status, item["verdict"], list(told)) == (0, "ok", SUBJECTS)
    assert "nas, for main" in told["configuration"]
    assert "preset run" in told["policy"]
    assert "no daemon has it" in told["state folder"]
    assert "level 1; no token is sent, and none is wanted; tasks wait" in told["task server"]
    assert "Duplicati 2.3.1.0; the password is accepted; 5 backups" in told["server main"]
    assert set(bench.tasks.counts) == {"status"}
    assert not bench.tasks.given[0].is_answered
    assert not {"check", "check.new"} & set(os.listdir(bench.state))
    assert faults_of(ended.stdout) == []


def test_a_second_look_lets_itself_in_with_the_session_of_the_first(bench: Bench) -> None:
    bench.run()
    assert "with the stored session" in bench.look()[1]["server main"]["message"]


def test_a_person_sees_a_line_each_and_what_comes_next(bench: Bench) -> None:
    bench.tasks.tokens.append("right")
    for columns in (80, 40):
        ended = bench.run(columns=columns)
        assert [line for line in ended.stdout.splitlines() if len(line) > columns] == []
        marks = [line.split()[0] for line in ended.stdout.splitlines() if line[:1].strip()]
        assert marks[:5] == ["ok", "ok", "ok", "ok", "x"]
        assert ended.stdout.endswith("result  not ready: look at task server\n")
    assert bench.run("--output", "ids").stdout.splitlines() == SUBJECTS


def test_who_waits_at_a_terminal_is_told_for_what(bench: Bench) -> None:
    assert "looking at what" in bench.run(is_terminal=True).stderr
    assert bench.run(is_terminal=False).stderr == ""


def test_level_0_is_told_with_what_it_means(bench: Bench) -> None:
    bench.tasks.level = 0
    assert "level 0; the plain protocol, with weaker promises" in bench.look()[1]["task server"]["message"]


def test_a_token_that_is_missing_or_wrong_is_told_apart(bench: Bench) -> None:
    bench.tasks.tokens.append("right")
    status, found = bench.look()
    assert (status, found["task server"]["code"]) == (77, "credential-refused")
    assert "there is none yet" in found["task server"]["message"]
    assert "daemon enrol" in found["task server"]["hint"]
    token = bench.state / "token"
    token.write_text("wrong\n")
    token.chmod(0o600)
    status, found = bench.look()
    assert (status, found["task server"]["code"]) == (77, "credential-refused")
    assert "wrong" not in str(found)
    token.write_text("right\n")
    status, found = bench.look()
    assert (status, found["task server"]["verdict"]) == (0, "ok")
    assert "the token is accepted" in found["task server"]["message"]


def test_a_task_server_that_is_away_hides_nothing_else(bench: Bench) -> None:
    bench.tasks.stop()
    status, found = bench.look()
    assert (status, found["task server"]["verdict"]) == (69, "refused")
    assert "duplicati doctor" in found["task server"]["hint"]
    assert (found["clock"]["verdict"], found["server main"]["verdict"]) == ("not-reached", "ok")


def test_what_is_no_task_server_is_called_so(bench: Bench) -> None:
    fault = bench.tasks.fault("status", status=200, body=b"<html>Log in</html>")
    status, found = bench.look()
    assert (status, found["task server"]["verdict"], fault.fired_count) == (76, "refused", 1)


def test_the_secret_path_of_a_task_server_is_never_shown(tmp_path: Path, sandbox: Handle) -> None:
    with TaskServer(level=0, base_path="/d/unguessable-segment") as tasks:
        bench = Bench(tmp_path, tasks, sandbox)
        for _ in range(2):
            ended = bench.run("--output", "json")
            assert "unguessable" not in ended.stdout + ended.stderr
            tasks.fault("status", status=500, times=None)
        assert ended.status == 69


def test_a_wrong_password_is_tried_once_and_told_with_its_file(bench: Bench) -> None:
    (bench.folder / "password").write_text("wrong-horse\n")
    status, found = bench.look()
    assert (status, found["server main"]["code"]) == (77, "login-refused")
    assert str(bench.folder / "password") in found["server main"]["hint"]
    assert "wrong-horse" not in str(found)


def test_a_server_without_any_login_is_told_where_to_name_one(bench: Bench) -> None:
    bench.change('password_file = "password"\n', "")
    status, found = bench.look()
    assert (status, found["server main"]["code"]) == (77, "login-missing")
    assert "password_file under [servers.main]" in found["server main"]["hint"]


def test_a_password_file_that_others_may_read_or_nobody_can_is_a_warning_at_least(bench: Bench) -> None:
    password = bench.folder / "password"
    password.chmod(0o644)
    status, found = bench.look()
    assert (status, found["server main"]["code"]) == (0, "password-readable")
    assert found["server main"]["hint"] == f"chmod 600 {password}"
    password.unlink()
    status, found = bench.look()
    assert (status, found["server main"]["verdict"]) == (0, "warning")
    assert "cannot be read" in found["server main"]["message"]
    (bench.state / "session-main.json").unlink()
    assert bench.look()[0] == 78


def test_a_credential_of_a_service_is_not_missed_outside_of_it(bench: Bench) -> None:
    bench.change('password_file = "password"\n', 'credential = "main"\n')
    status, found = bench.look()
    assert (status, found["server main"]["code"]) == (0, "login-not-tried")
    (bench.folder / "main").write_text(PASSWORD)
    status, found = bench.look(CREDENTIALS_DIRECTORY=str(bench.folder))
    assert (status, found["server main"]["verdict"]) == (0, "ok")


def test_the_stored_login_of_a_context_lets_the_daemon_in_without_a_password(bench: Bench, sandbox: Handle) -> None:
    environ = {"HOME": str(bench.folder), "DUPLICATI_CLIENT_STATE_DIR": str(bench.folder / "client")}
    console = Console(Terminal(), Terminal(), Terminal(), environ)
    login = ("login", sandbox.url, "--name", "nas", "--password-file", str(bench.folder / "password"))
    assert main(login, Process(environ, console, lambda prompt: "")) == 0
    bench.change('password_file = "password"\n', 'session_file = "client/sessions/nas.json"\n')
    status, found = bench.look()
    assert (status, found["server main"]["verdict"]) == (0, "ok")
    assert "with the stored session" in found["server main"]["message"]
    assert "session-main.json" not in os.listdir(bench.state)


def test_a_server_that_is_away_does_not_hide_the_other(bench: Bench, sandbox: Handle) -> None:
    bench.change("[policy]", f'[servers.attic]\nurl = "{bench.tasks.url}"\n[policy]')
    status, found = bench.look()
    assert (status, found["server main"]["verdict"]) == (76, "ok")
    assert "a task server answers" in found["server attic"]["message"]


def test_a_broken_policy_is_told_and_the_rest_is_looked_at(bench: Bench) -> None:
    bench.change('preset = "run"', 'preset = "rnu"')
    status, found = bench.look()
    assert (status, found["policy"]["hint"]) == (78, "did you mean run?")
    assert found["server main"]["verdict"] == "ok"


def test_a_policy_that_allows_nothing_is_a_warning(bench: Bench) -> None:
    bench.change('preset = "run"', 'preset = "none"')
    status, found = bench.look()
    assert (status, found["policy"]["code"]) == (0, "policy-empty")


def test_a_broken_configuration_ends_it(bench: Bench) -> None:
    bench.change("poll_seconds", "pol_seconds")
    status, found = bench.look()
    assert (status, found["configuration"]["hint"]) == (78, "did you mean poll_seconds?")
    assert {one["verdict"] for name, one in found.items() if name != "configuration"} == {"not-reached"}
    assert not bench.tasks.requests


def test_a_folder_that_others_may_enter_gets_no_session(bench: Bench) -> None:
    bench.state.mkdir()
    bench.state.chmod(0o755)
    status, found = bench.look()
    assert (status, found["state folder"]["verdict"], found["servers"]["verdict"]) == (78, "refused", "not-reached")
    assert (os.listdir(bench.state), bench.tasks.requests) == ([], [])


def test_without_a_configuration_the_next_step_is_init(tmp_path: Path, bench: Bench) -> None:
    bench.config.unlink()
    ended = bench.run()
    assert ended.status == 78
    assert "daemon init" in ended.stdout


class SmallDisk(PathFolder):
    def room(self) -> tuple[int, int]:
        return 100 * 1024 * 1024, 1000 * 1024 * 1024


@pytest.mark.parametrize(
    ("mib", "verdict", "wanted"),
    [(0, "ok", "0 are"), (64, "ok", "64 are"), (1, "ok", "50 are"), (101, "refused", "with 101")],
)
def test_too_little_room_is_refused_with_what_is_wanted(bench: Bench, mib: int, verdict: str, wanted: str) -> None:
    bench.change("[policy]", f"[limits]\nfree_space_mib = {mib}\n[policy]")
    proof = prove_room(load(str(bench.config)), SmallDisk(str(bench.folder)))
    assert (proof.verdict, proof.status) == (verdict, 74 if verdict == "refused" else 0)
    assert wanted in proof.message


def test_plain_http_over_a_network_is_a_warning(bench: Bench) -> None:
    bench.change(bench.tasks.url, bench.tasks.url.replace("127.0.0.1", "0.0.0.0"))
    assert bench.look()[1]["configuration"]["verdict"] == "refused"
    bench.change("[task_server]", "[task_server]\nallow_http = true")
    status, found = bench.look()
    assert (status, found["configuration"]["code"], found["task server"]["verdict"]) == (0, "plain-http", "ok")


def test_a_daemon_that_has_the_folder_is_named_and_not_doubled(bench: Bench) -> None:
    lock = Lock(open_folder(str(bench.state)), "process 4711")
    try:
        status, found = bench.look()
    finally:
        lock.close()
    assert (status, found["task server"]["verdict"]) == (0, "skipped")
    assert "a daemon has it: process 4711" in found["state folder"]["message"]
    assert not bench.tasks.requests


class Snapshot(NamedTuple):
    state: str
    verdict: str
    status: int


@pytest.mark.parametrize(
    "case",
    [
        Snapshot("connected", "ok", 0),
        Snapshot("unknown", "skipped", 0),
        Snapshot("away", "refused", 69),
        Snapshot("conflict", "refused", 75),
        Snapshot("refused", "refused", 77),
        Snapshot("not-understood", "refused", 76),
    ],
    ids=lambda case: case.state,
)
def test_a_running_daemon_says_how_it_stands_with_the_task_server(bench: Bench, case: Snapshot) -> None:
    contact = {"state": case.state, "url": "https://tasks.test", "level": 1, "message": "it says so", "hint": "do this"}
    lock = Lock(open_folder(str(bench.state)), "process 4711")
    control = Control(str(bench.state), lambda question: {"task_server": contact, "clock_offset_seconds": 400.0})
    try:
        status, found = bench.look()
    finally:
        control.close()
        lock.close()
    assert (status, found["task server"]["verdict"], found["task server"]["status"]) == (
        case.status,
        case.verdict,
        case.status,
    )
    assert (found["clock"]["verdict"], found["clock"]["code"]) == ("warning", "clock")
    assert "400 s ahead" in found["clock"]["message"]
    assert not bench.tasks.requests


def test_what_hangs_is_given_up_and_the_others_are_told() -> None:
    hanging = threading.Event()
    looks = {"slow": lambda: hanging.wait(60) and [], "quick": lambda: [Proof("quick", "ok", "well")]}
    found = look_side_by_side(looks, 0.05)
    hanging.set()
    assert [(one.subject, one.verdict, one.status) for one in found] == [("slow", "refused", 69), ("quick", "ok", 0)]
    assert "--timeout" in str(found[0].hint)


def test_a_bug_is_not_taken_for_a_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        look_side_by_side({"odd": lambda: [Proof("odd", "ok", str(1 // 0))]}, 5.0)


def test_words_are_wrong_usage(bench: Bench) -> None:
    assert bench.run("main").status == 64
