"""Plays the recorded modern servers against a sandbox of the same release and accepts no unexplained difference."""

from __future__ import annotations

from pathlib import Path

import pytest
from allowed import not_allowed, unused
from player import Difference, play

RELEASES = ("2.3.1.0", "2.3.0.4", "2.2.0.3", "2.1.0.5")
LEAST_PLAYED = 450


@pytest.fixture(scope="module")
def found() -> list[Difference]:
    """Everything that differed so far, of all releases."""
    return []


@pytest.mark.parametrize("release", RELEASES)
def test_the_sandbox_answers_as_the_recorded_server_did(release: str, tmp_path: Path, found: list[Difference]) -> None:
    player = play(release, tmp_path)
    found.extend(player.found)
    assert not_allowed(player.found) == []
    assert player.played >= LEAST_PLAYED


def test_no_difference_is_allowed_that_does_not_occur(found: list[Difference]) -> None:
    if len({difference.entry.release for difference in found}) < len(RELEASES):
        pytest.skip("needs all releases to have been played before it")
    assert unused(found) == []
