"""A sandbox server of each release, and what the scripts need on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.arrangement import Arrangement
from tests.acceptance.suite import Server, open_server
from tests.sandbox_process import sandbox_process

RELEASES = ("2.3.1", "2.3.0", "2.2", "2.1", "2.0.8")


@pytest.fixture(scope="module", params=RELEASES)
def server(request, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sandbox")
    (folder / "data").mkdir()
    with sandbox_process(folder, "--version", request.param) as process:
        yield Server(process.url, process.password_file, folder / "data")


@pytest.fixture(scope="module")
def arrangement(server) -> Iterator[Arrangement]:
    with open_server(server) as session:
        yield Arrangement(session, server.data)
