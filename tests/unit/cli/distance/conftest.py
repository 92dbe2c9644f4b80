"""A command line that knows a Duplicati server directly, and the same server through a task server."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.client import Duplicati
from tests.fake_fleet import TOKEN, URL, FakeFleet, perform_on
from tests.unit.cli.stage import PASSWORD, Ended, FakeServer, Stage


class Scene:
    """The context `near` is the server itself, `far/nas` the way through the task server."""

    def __init__(self, home: Path) -> None:
        self.server = FakeServer()
        duplicati = Duplicati(self.server.base_url, credentials=Credentials(PASSWORD), transport=self.server)
        self.fleet = FakeFleet(perform_on(duplicati))
        self.stage = Stage(home, self.server, self.fleet)  # type: ignore[arg-type]
        assert self.stage.log_in("--name", "near").status == 0
        said = self.stage.run("login", URL, "--name", "far", DUPLICATI_CLIENT_PASSWORD=TOKEN)
        assert said.status == 0, said.stderr
        self.fleet.requests.clear()

    def near(self, *words: str, **environ: str) -> Ended:
        return self.stage.run(*words, "--context", "near", **environ)

    def far(self, *words: str, **environ: str) -> Ended:
        return self.stage.run(*words, "--context", "far/nas", **environ)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)
