"""`daemon enrol`: a code used once, an approval waited for, and nothing secret shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main
from tests.hostile import Ended, Stream
from tests.task_server import TaskServer

PATH = "/d/unguessable-segment"


@pytest.fixture
def server() -> Iterator[TaskServer]:
    with TaskServer(level=1, base_path=PATH) as running:
        running.add_code("dce_code")
        yield running


class Owner:
    """Types commands at a machine with a daemon's configuration."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.config = folder / "daemon.toml"
        self.slept: list[float] = []
        self.while_asleep: Callable[[], object] = lambda: None
        folder.chmod(0o700)
        self.config.write_text(
            f'name = "nas"\nstate_folder = "state"\n[task_server]\nurl = "{url}"\n'
            '[servers.main]\nurl = "http://127.0.0.1:8200"\n[policy]\npreset = "run"\n'
        )
        self.config.chmod(0o600)

    def run(
        self, *words: str, stdin: str = "", is_terminal: bool = False, typed: str = "", is_named: bool = True
    ) -> Ended:
        out, err = Stream(), Stream()
        console = Console(Stream(stdin, is_terminal=is_terminal), out, err, {"COLUMNS": "80"})
        environ = {"HOME": str(self.folder), "COLUMNS": "80"}
        process = Process(environ, console, lambda prompt: typed, None, self._sleep)
        named = ("--config", str(self.config)) if is_named else ()
        status = main(("daemon", "enrol", *words, *named), process)
        return Ended(status, out.getvalue(), err.getvalue())

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.while_asleep()

    @property
    def token(self) -> str | None:
        file = self.folder / "state" / "token"
        return file.read_text().strip() if file.exists() else None


@pytest.fixture
def owner(tmp_path: Path, server: TaskServer) -> Owner:
    return Owner(tmp_path, server.url)


def test_a_code_gives_a_token_for_this_user_alone(owner: Owner, server: TaskServer) -> None:
    ended = owner.run(f"dce_code@{server.url}")
    assert ended.status == 0
    assert owner.token == server.tokens[0]
    assert (owner.folder / "state" / "token").stat().st_mode & 0o777 == 0o600
    told = ended.stdout + ended.stderr
    assert "enrolled as d-1" in told
    assert server.tokens[0] not in told
    assert "unguessable" not in told
    assert "dce_code" not in told


def test_the_configuration_is_found_where_init_writes_it(owner: Owner, server: TaskServer) -> None:
    usual = owner.folder / ".config" / "duplicati-client" / "daemon.toml"
    usual.parent.mkdir(parents=True, mode=0o700)
    usual.write_text(owner.config.read_text().replace('"state"', f'"{owner.folder}/state"'))
    ended = owner.run(f"dce_code@{server.url}", is_named=False)
    assert (ended.status, owner.token) == (0, server.tokens[0])
    assert ended.stderr.endswith("next: duplicati daemon check\n")


def test_the_task_server_learns_what_the_page_says_and_no_more(owner: Owner, server: TaskServer) -> None:
    owner.run(f"dce_code@{server.url}")
    sent = server.enrolments[0]
    assert set(sent) == {"Code", "Name", "Facts"}
    assert sent["Name"] == "nas"
    assert set(sent["Facts"]) == {"MachineName", "System", "Machine", "Version", "Servers"}
    assert sent["Facts"]["Servers"] == ["main"]


def test_a_used_code_is_refused_with_the_next_step(owner: Owner, server: TaskServer) -> None:
    owner.run(f"dce_code@{server.url}")
    token = owner.token
    ended = owner.run(f"dce_code@{server.url}")
    assert ended.status == 77
    assert "ask the task server's operator for a new one" in " ".join(ended.stderr.split())
    assert owner.token == token


def test_an_approval_is_waited_for_and_told_once(owner: Owner, server: TaskServer) -> None:
    server.needs_approval = True
    owner.while_asleep = lambda: server.approve("dce_code") if len(owner.slept) == 3 else None
    ended = owner.run(f"dce_code@{server.url}")
    assert ended.status == 0
    assert owner.slept == [5.0, 5.0, 5.0]
    assert ended.stderr.count("has to approve nas") == 1


def test_an_approval_that_does_not_come_ends_with_the_timeout_and_can_go_on(owner: Owner, server: TaskServer) -> None:
    server.needs_approval = True
    ended = owner.run(f"dce_code@{server.url}", "--timeout", "12s")
    assert ended.status == 124
    assert owner.slept == [5.0, 5.0, 2.0]
    assert owner.token is None
    server.approve("dce_code")
    assert owner.run(f"dce_code@{server.url}").status == 0


@pytest.mark.parametrize(("stdin", "is_terminal", "typed"), [("dce_code\n", False, ""), ("", True, "dce_code")])
def test_a_code_can_stay_out_of_the_list_of_processes(
    owner: Owner, server: TaskServer, stdin: str, is_terminal: bool, typed: str
) -> None:
    assert owner.run(server.url, stdin=stdin, is_terminal=is_terminal, typed=typed).status == 0
    assert owner.token is not None


def test_a_code_for_another_server_is_not_sent_anywhere(owner: Owner, server: TaskServer) -> None:
    elsewhere = owner.run("dce_code@https://elsewhere.test/secret-path")
    assert elsewhere.status == 65
    assert "elsewhere.test/…" in elsewhere.stderr
    assert "secret-path" not in elsewhere.stderr
    assert owner.run(f"dce_code@{server.url}x").status == 65
    assert server.requests == []


@pytest.mark.parametrize("code", ["a b", "ü", "x" * 300, "a\x1b[31m"])
def test_what_is_no_code_is_not_sent(owner: Owner, server: TaskServer, code: str) -> None:
    assert owner.run(f"{code}@{server.url}").status == 65
    assert server.requests == []


def test_no_code_and_two_codes_are_wrong_usage(owner: Owner, server: TaskServer) -> None:
    assert owner.run().status == 64
    assert owner.run("a@b", "c@d").status == 64
    assert owner.run(server.url, stdin="").status == 65


def test_a_server_of_level_0_has_no_enrolment(owner: Owner, server: TaskServer) -> None:
    server.level = 0
    ended = owner.run(f"dce_code@{server.url}")
    assert ended.status == 76
    assert "a task server of level 0 has no enrolment" in " ".join(ended.stderr.split())


def test_a_server_that_is_away_ends_with_its_status(owner: Owner, server: TaskServer) -> None:
    server.stop()
    ended = owner.run(f"dce_code@{server.url}")
    assert ended.status == 69
    assert "unguessable" not in ended.stderr
    assert "8200" not in ended.stderr
    server.start()


def test_an_answer_that_was_lost_has_used_the_code_up(owner: Owner, server: TaskServer) -> None:
    fault = server.fault("enrol", cut="after")
    assert owner.run(f"dce_code@{server.url}").status == 69
    assert fault.fired_count == 1
    assert owner.run(f"dce_code@{server.url}").status == 77
    assert owner.token is None
