"""Plays the recorded servers against a sandbox of the same release and accepts no unexplained difference."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest
from allowed import not_allowed, unused
from legacy_player import LegacyPlayer
from player import Difference, Player

PLAYERS = {release: partial(Player, release) for release in ("2.3.1.0", "2.3.0.4", "2.2.0.3", "2.1.0.5")}
PLAYERS["2.0.8.1"] = LegacyPlayer
LEAST_PLAYED = {"2.3.1.0": 471, "2.3.0.4": 638, "2.2.0.3": 469, "2.1.0.5": 556, "2.0.8.1": 484}


@pytest.fixture(scope="module")
def found() -> list[Difference]:
    """Everything that differed so far, of all releases."""
    return []


@pytest.mark.parametrize("release", PLAYERS)
def test_the_sandbox_answers_as_the_recorded_server_did(release: str, tmp_path: Path, found: list[Difference]) -> None:
    async def play() -> Player:
        player = PLAYERS[release](tmp_path)
        await player.play()
        return player

    player = asyncio.run(play())
    found.extend(player.found)
    assert not_allowed(player.found) == []
    assert player.played >= LEAST_PLAYED[release]


def test_no_difference_is_allowed_that_does_not_occur(found: list[Difference]) -> None:
    if len({difference.entry.release for difference in found}) < len(PLAYERS):
        pytest.skip("needs all releases to have been played before it")
    assert unused(found) == []
