"""Lengths of a pause that a modern server takes for something else (`LiveControls.cs`, `ServerState.cs`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client.sandbox.engine.engine import Engine
from duplicati_client.sandbox.modern.routes import routes
from duplicati_client.sandbox.web.serve import Call
from tests.unit.sandbox.engine.test_engine import MODERN, Release, name_of, play

releases = pytest.mark.parametrize("release", MODERN, ids=name_of)


async def pause(engine: Engine, duration: str) -> int:
    reply = await routes(engine)["POST", "/api/v1/serverstate/pause"](Call("POST", "", {"duration": duration}))
    return reply.status


@releases
@pytest.mark.parametrize("duration", ["0s", "-5s", "0"])
def test_a_pause_of_nothing_has_no_end(release: Release, duration: str, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        assert await pause(engine, duration) == 200
        assert engine.is_paused
        assert engine.pause_ends_at is None

    play(release, tmp_path, scene)


@releases
def test_a_pause_of_more_than_seven_weeks_is_an_internal_error(release: Release, tmp_path: Path) -> None:
    async def scene(engine: Engine) -> None:
        assert await pause(engine, "49D") == 200
        engine.resume()
        assert await pause(engine, "50D") == 500
        assert not engine.is_paused

    play(release, tmp_path, scene)
