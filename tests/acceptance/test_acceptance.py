"""Every acceptance script runs against sandboxes as it does against a real server.

Each runs against the newest release, the legacy one, and by turns one of those between; against every release with
ACCEPTANCE_RELEASES=all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from tests.acceptance.arrangement import Arrangement
from tests.acceptance.conftest import RELEASES
from tests.acceptance.script import load_scripts, parse_script
from tests.acceptance.suite import open_server, run_one


def choose() -> list[Any]:
    newest, *between, legacy = RELEASES
    is_whole = os.environ.get("ACCEPTANCE_RELEASES") == "all"
    return [
        pytest.param(release, script, id=f"{release}-{script.name}")
        for release in RELEASES
        for turn, script in enumerate(load_scripts())
        if is_whole or release in (newest, legacy, between[turn % len(between)])
    ]


@pytest.mark.parametrize(("server", "script"), choose(), indirect=["server"])
def test_script_passes_against_the_sandbox(script, server, arrangement):
    result = run_one(server, arrangement, script)
    if result.verdict == "skipped":
        pytest.skip(result.detail)
    assert result.verdict == "passed", result.detail


def test_failing_script_is_reported_and_leaves_no_backup_behind(server, arrangement):
    script = parse_script("fails", "# Help is expected to fail.\n# needs: backup success\n$ duplicati --help\n[64]\n")
    before = backup_names(server)
    result = run_one(server, arrangement, script)
    assert (result.verdict, backup_names(server)) == ("failed", before)
    assert "fails.txt:3: exit status 0, not 64" in result.detail


def test_script_that_cannot_be_arranged_is_skipped_with_the_reason(server):
    script = parse_script("slow", "# Needs a folder.\n# needs: backup slow\n$ duplicati --help\n")
    with open_server(server) as session:
        result = run_one(server, Arrangement(session, None), script)
    assert (result.verdict, result.detail) == ("skipped", "needs DATA, a folder that the server can read and write")


def test_script_of_what_is_not_installed_is_skipped(server, arrangement):
    script = parse_script("extra", "# It needs more.\n# needs: library no_such_library\n$ duplicati --help\n")
    result = run_one(server, arrangement, script)
    assert (result.verdict, result.detail) == ("skipped", "needs the library no_such_library here")


def test_pause_of_somebody_else_is_left_alone(server):
    script = parse_script("pause", "# It would pause.\n# needs: no pause\n$ duplicati pause 1\n...\n")
    with open_server(server) as session:
        session.state.pause()
        try:
            result = run_one(server, Arrangement(session, server.data), script)
            assert (result.verdict, result.detail) == ("skipped", "needs a server that is not paused")
            assert session.state.get().is_paused
        finally:
            session.state.resume()


def test_address_is_given_to_scripts_as_the_program_writes_it(server, arrangement):
    script = parse_script("address", "# A slash at the end is left out.\n$ duplicati doctor $URL\nserver $URL\n...\n")
    result = run_one(server._replace(url=f"{server.url}/"), arrangement, script)
    assert result.verdict == "passed", result.detail


def test_server_that_cannot_be_asked_is_told_in_a_line(tmp_path):
    (tmp_path / "password").write_text("open sesame\n", encoding="utf-8")
    command = [sys.executable, "-m", "tests.acceptance", "--server", "http://127.0.0.1:9"]
    run = subprocess.run(
        [*command, "--password-file", tmp_path / "password"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "the server cannot be tested: nothing answers at 127.0.0.1 port 9\n"


def backup_names(server):
    with open_server(server) as session:
        return [backup.name for backup in session.backups.list()]
