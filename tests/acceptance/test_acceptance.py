"""Every acceptance script runs against sandboxes as it does against a real server.

Each runs against the newest release, the legacy one, and by turns one of those between; against every release with
ACCEPTANCE_RELEASES=all.
"""

from __future__ import annotations

import os
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


def backup_names(server):
    with open_server(server) as session:
        return [backup.name for backup in session.backups.list()]
