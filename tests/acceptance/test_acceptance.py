"""Every acceptance script runs against the sandbox of every release, as it does against a real server."""

from __future__ import annotations

import pytest

from tests.acceptance.script import load_scripts
from tests.acceptance.suite import run_one


@pytest.mark.parametrize("script", load_scripts(), ids=lambda script: script.name)
def test_script_passes_against_the_sandbox(script, server, arrangement):
    result = run_one(server, arrangement, script)
    if result.verdict == "skipped":
        pytest.skip(result.detail)
    assert result.verdict == "passed", result.detail
