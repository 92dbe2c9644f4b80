"""Every acceptance script runs against the sandbox of every release, as it does against a real server."""

from __future__ import annotations

import pytest

from tests.acceptance.arrangement import Arrangement
from tests.acceptance.script import load_scripts, parse_script
from tests.acceptance.suite import open_server, run_one


@pytest.mark.parametrize("script", load_scripts(), ids=lambda script: script.name)
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
