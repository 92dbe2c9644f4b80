"""`watch` in a real terminal, against a sandbox: whatever ends it, the terminal is as it was before."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, process_in_terminal
from tests.sandbox_process import PROGRAM, SandboxProcess, sandbox_process

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no such terminals")
Opened = AbstractContextManager[tuple[subprocess.Popen[bytes], Terminal]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def watch(sandbox: SandboxProcess, tmp_path: Path) -> Callable[..., Opened]:
    """Open `duplicati watch` with more words in a terminal of some size."""

    def open_watch(*words: str, server: SandboxProcess = sandbox, shell: tuple[str, ...] = ()) -> Opened:
        server.password_file.chmod(0o600)
        command = [str(PROGRAM), "watch", "--server", server.url, "--password-file", str(server.password_file), *words]
        return process_in_terminal([*shell, *command], environment(tmp_path))

    return open_watch


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "NO_COLOR": "1"}


def run(server: SandboxProcess, home: Path, name: str) -> None:
    command = [str(PROGRAM), "run", name, "--server", server.url, "--password-file", str(server.password_file)]
    subprocess.run(command, env=environment(home), check=True, capture_output=True)


def assert_as_before(terminal: Terminal) -> None:
    terminal.wait_for(lambda: not terminal.is_alternate and terminal.is_cursor_shown)
    assert terminal.modes == terminal.modes_before
    assert "\x1b[?7h" in terminal.written


def wait_for_end(process: subprocess.Popen[bytes], terminal: Terminal) -> int:
    terminal.wait_for(lambda: process.poll() is not None)
    return process.wait()


def is_shown(terminal: Terminal, *texts: str) -> Callable[[], bool]:
    return lambda: all(text in terminal.text for text in texts)


@pytest.mark.parametrize(
    ("leave", "status"),
    [
        (lambda process, terminal: terminal.type(b"q"), 0),
        (lambda process, terminal: terminal.type(b"\x03"), 130),
        (lambda process, terminal: terminal.type(b"\x04"), 0),
        (lambda process, terminal: process.send_signal(signal.SIGTERM), -signal.SIGTERM),
        (lambda process, terminal: process.send_signal(signal.SIGHUP), -signal.SIGHUP),
    ],
    ids=["q", "Ctrl-C", "Ctrl-D", "SIGTERM", "SIGHUP"],
)
def test_terminal_is_as_before_whatever_ended_it(watch, leave: Callable[..., None], status: int) -> None:
    with watch() as (process, terminal):
        terminal.wait_for(is_shown(terminal, "ready", "q leaves"))
        assert terminal.is_alternate
        assert not terminal.is_cursor_shown
        assert terminal.modes != terminal.modes_before
        leave(process, terminal)
        assert wait_for_end(process, terminal) == status
        assert_as_before(terminal)


def test_closed_terminal_ends_it_at_once(watch) -> None:
    with watch() as (process, terminal):
        terminal.wait_for(is_shown(terminal, "q leaves"))
        terminal.close()
        assert process.wait(timeout=10) in (-signal.SIGHUP, 141)


def test_each_size_is_drawn_whole_and_after_a_resize_again(watch) -> None:
    with watch() as (process, terminal):
        terminal.wait_for(is_shown(terminal, "LAST RUNS", "WHEN", "q leaves"))
        for columns, rows in ((40, 24), (20, 8), (5, 2), (120, 40)):
            terminal.resize(columns, rows)
            terminal.wait_for(is_shown(terminal, "1" if columns == 5 else "ready"))
            assert len(terminal.rows) <= rows
        terminal.wait_for(is_shown(terminal, "LAST RUNS", "WHEN", "q leaves"))
        terminal.type(b"q")
        assert wait_for_end(process, terminal) == 0
        assert_as_before(terminal)


def test_suspended_by_ctrl_z_it_gives_the_terminal_back_and_takes_it_again(watch) -> None:
    shell = ("sh", "-c", 'set -m; "$@"; echo suspended; read line; fg >/dev/null', "sh")
    with watch(shell=shell) as (process, terminal):
        terminal.wait_for(is_shown(terminal, "q leaves"))
        terminal.type(b"\x1a")
        terminal.wait_for(is_shown(terminal, "suspended"))
        assert_as_before(terminal)
        terminal.type(b"\n")
        terminal.wait_for(is_shown(terminal, "ready", "q leaves"))
        assert terminal.modes != terminal.modes_before
        terminal.type(b"q")
        assert wait_for_end(process, terminal) == 0
        assert_as_before(terminal)


@pytest.mark.parametrize("version", ["2.3.1", "2.0.8"])
def test_run_is_seen_from_queue_to_outcome_and_decides_the_status(watch, tmp_path: Path, version: str) -> None:
    with sandbox_process(tmp_path, "--version", version) as server:
        run(server, tmp_path, "Documents")
        run(server, tmp_path, "Photos")
        with watch("--until-idle", server=server) as (process, terminal):
            terminal.wait_for(is_shown(terminal, "running", "Documents", "WAITING (1)", "Photos"))
            assert wait_for_end(process, terminal) == 2
            assert_as_before(terminal)
            assert "Documents: success" in terminal.text
            assert "Photos: warning" in terminal.text


def test_server_that_is_killed_meanwhile_is_away_and_its_return_is_seen(watch, tmp_path: Path) -> None:
    password = tmp_path / "secret"
    password.write_text("correct horse\n", encoding="utf-8")
    password.chmod(0o600)
    options = ("--data", str(tmp_path / "data"), "--password-file", str(password))
    with ExitStack() as stack:
        first = stack.enter_context(sandbox_process(tmp_path, *options))
        process, terminal = stack.enter_context(watch(server=first))
        terminal.wait_for(is_shown(terminal, "ready"))
        os.kill(first.process_id, signal.SIGKILL)
        terminal.wait_for(is_shown(terminal, "away", "since", "LAST RUNS"))
        stack.enter_context(sandbox_process(tmp_path, *options, "--port", first.url.rpartition(":")[2]))
        terminal.wait_for(lambda: "away" not in terminal.text and "ready" in terminal.text)
        terminal.type(b"q")
        assert wait_for_end(process, terminal) == 0
        assert_as_before(terminal)


def test_wrong_password_is_told_on_the_terminal_as_it_was(watch, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("certainly not\n", encoding="utf-8")
    wrong.chmod(0o600)
    with watch("--password-file", str(wrong)) as (process, terminal):
        assert wait_for_end(process, terminal) == 77
        assert_as_before(terminal)
        assert "duplicati: " in terminal.text


def test_screen_that_shows_nothing_new_is_not_written_but_for_its_clock(watch) -> None:
    with watch() as (process, terminal):
        terminal.wait_for(is_shown(terminal, "ready", "LAST RUNS", "q leaves"))
        terminal.read(0.5)
        written, until = len(terminal.written), time.monotonic() + 2
        while time.monotonic() < until:
            terminal.read(0.2)
        assert len(terminal.written) - written < 4 * 150  # a line a second
        process.send_signal(signal.SIGTERM)
        wait_for_end(process, terminal)


def test_talk_does_not_spoil_the_screen_and_is_told_afterwards(watch) -> None:
    with watch("--verbose") as (process, terminal):
        terminal.wait_for(is_shown(terminal, "ready", "q leaves"))
        assert "GET http" not in terminal.written
        terminal.type(b"q")
        assert wait_for_end(process, terminal) == 0
        assert_as_before(terminal)
        assert "GET http" in terminal.text
