"""The daemon keeps to the page on the protocol, by the kit that others are to check theirs with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from duplicati_client.sandbox.app import Options, start_in_thread
from tests.conformance.daemon import check_command
from tests.conformance.exchange import Tally
from tests.daemon_stage import PASSWORD


@pytest.mark.parametrize("level", [0, 1])
def test_daemon_conforms_to_the_protocol(tmp_path: Path, level: int) -> None:
    tally = Tally()
    with start_in_thread(Options(password=PASSWORD)) as server:
        command = [sys.executable, "-m", "tests.e2e.conforming_daemon", str(tmp_path / "d"), server.url, "{url}"]
        check_command(command, level, tally, seconds=14)
    assert tally.failed == []
    assert tally.passed_count >= 41
