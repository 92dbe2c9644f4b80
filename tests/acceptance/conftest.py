"""A sandbox server of each release, and what the scripts need on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from duplicati_client import Duplicati
from tests.acceptance.arrangement import Arrangement
from tests.acceptance.suite import Server, open_server
from tests.sandbox_process import sandbox_process

RELEASES = ("2.3.1", "2.3.0", "2.2", "2.1", "2.0.8")


@pytest.fixture(scope="session")
def sandboxes(tmp_path_factory) -> Iterator[Callable[[str], Server]]:
    """Start the sandbox of a release once: what others have left on it is no more than on a server that is used."""
    with ExitStack() as stack:

        @cache
        def find(release: str) -> Server:
            folder = tmp_path_factory.mktemp("sandbox")
            (folder / "data").mkdir()
            process = stack.enter_context(sandbox_process(folder, "--version", release))
            server = Server(process.url, process.password_file, folder / "data")
            with open_server(server) as session:
                live_in(session)
            return server

        yield find


@pytest.fixture(scope="module", params=RELEASES)
def server(request, sandboxes) -> Server:
    return sandboxes(request.param)


def live_in(session: Duplicati) -> None:
    """Leave what a server has that somebody uses: an order of their own, past runs, warnings and errors."""
    if session.generation == "modern":
        session.settings.change({"backup-list-sort-order": "-name"})
    for backup in session.backups.list():
        if backup.name in ("Photos", "Mail", "Database"):
            list(session.follow(session.runs.start(backup.backup_id)))


@pytest.fixture(scope="module")
def arrangement(server) -> Iterator[Arrangement]:
    with open_server(server) as session:
        yield Arrangement(session, server.data)
