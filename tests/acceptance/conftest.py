"""Start sandbox servers for the tests that need one, and stop exactly those."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from duplicati_client import Duplicati, Password
from tests.acceptance.arrangement import Arrangement
from tests.acceptance.suite import Server

RELEASES = ("2.3.1", "2.3.0", "2.2", "2.1", "2.0.8")


@pytest.fixture(scope="module", params=RELEASES)
def server(request, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sandbox")
    command = [
        str(Path(sys.executable).parent / "duplicati"),
        "sandbox",
        "--version",
        request.param,
        "--output",
        "json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            ready = json.loads(process.stdout.readline())
            password_file = folder / "password"
            password_file.write_text(ready["Password"] + "\n", encoding="utf-8")
            data = folder / "data"
            data.mkdir()
            yield Server(ready["URL"], password_file, data)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def arrangement(server) -> Iterator[Arrangement]:
    password = server.password_file.read_text(encoding="utf-8").strip()
    with Duplicati(server.url, credentials=Password(password)) as session:
        yield Arrangement(session, server.data)
