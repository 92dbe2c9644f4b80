"""Several processes with one session file: a pair is never used twice, and the family survives."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import FileSessionStore
from duplicati_client.sdk.client import Duplicati
from tests.modern_server import PASSWORD, ModernServer, over_sockets

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from duplicati_client import Duplicati, FileSessionStore
url, path, rounds_count, pause = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
with Duplicati(url, store=FileSessionStore(path)) as server:
    for _ in range(rounds_count):
        server.notifications._channel.get("api/v1/serverstate", "the state")
        time.sleep(pause)
print("done")
"""


def start(url: str, path: str, *, rounds_count: int, pause_seconds: float) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PROGRAM, url, path, str(rounds_count), str(pause_seconds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT)


def log_in(url: str, path: str) -> None:
    with Duplicati(url, credentials=Credentials(password=PASSWORD), store=FileSessionStore(path)) as server:
        server.login()


def test_processes_renewing_at_once_keep_the_family_alive(tmp_path: Path) -> None:
    server, path = ModernServer(time.time, life_seconds=0.5), str(tmp_path / "session.json")
    with over_sockets(server) as loopback:
        log_in(loopback.url, path)
        running = [start(loopback.url, path, rounds_count=25, pause_seconds=0.05) for _ in range(3)]
        for process in running:
            out, problems = process.communicate(timeout=30)
            assert out == "done\n", problems
    assert server.thefts_count == 0
    assert server.logins_count == 1
    assert server.renewals_count >= 2
    assert len(server.families) == 1


def test_processes_starting_with_an_expired_token_renew_it_once(tmp_path: Path) -> None:
    server, path = ModernServer(time.time), str(tmp_path / "session.json")
    with over_sockets(server) as loopback:
        log_in(loopback.url, path)
        server.expire()
        running = [start(loopback.url, path, rounds_count=1, pause_seconds=0) for _ in range(4)]
        outputs = [process.communicate(timeout=30) for process in running]
    assert outputs == [("done\n", "")] * 4
    assert (server.renewals_count, server.thefts_count, server.logins_count) == (1, 0, 1)


def test_process_killed_between_renewal_and_storing_finds_its_way_back_within_the_grace(tmp_path: Path) -> None:
    server, path = ModernServer(time.time), str(tmp_path / "session.json")
    fatal = "import os, signal, sys, time\nos.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    killed = PROGRAM.replace("import sys, time", fatal)
    with over_sockets(server) as loopback:
        log_in(loopback.url, path)
        server.expire()
        arguments = [sys.executable, "-c", killed, loopback.url, path, "1", "0"]
        done = subprocess.run(arguments, capture_output=True, timeout=30, check=False, cwd=PROJECT)
        assert done.returncode == -9
        out, problems = start(loopback.url, path, rounds_count=1, pause_seconds=0).communicate(timeout=30)
        assert out == "done\n", problems
    assert (server.renewals_count, server.thefts_count) == (2, 0)
