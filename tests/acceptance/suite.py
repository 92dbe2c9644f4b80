"""Run scripts one after the other against one server, each with backups of its own, and say how each went."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from duplicati_client import ConnectionSettings, Credentials, Duplicati, DuplicatiClientError
from tests.acceptance.arrangement import Arrangement, NotArrangeable
from tests.acceptance.runner import Mismatch, run_script
from tests.acceptance.script import Script, ScriptInvalid


class Server(NamedTuple):
    """A server to test: where it is, the file with its password, and a folder that both sides reach."""

    url: str
    password_file: Path
    data: Path | None


class Result(NamedTuple):
    """How one script went; `detail` is the difference, or the reason for skipping."""

    script: str
    verdict: str  # passed, failed, skipped
    detail: str
    duration_seconds: float


def run_suite(server: Server, scripts: list[Script]) -> Iterator[Result]:
    """Run scripts and yield each one's result; nothing that was made is left on the server, also after a failure."""
    with open_server(server) as session:
        arrangement = Arrangement(session, server.data.resolve() if server.data else None)
        for script in scripts:
            yield run_one(server, arrangement, script)


def open_server(server: Server) -> Duplicati:
    """Return the library's view of the server, with the trust that the program will find in its environment."""
    trust = ConnectionSettings(
        ca_file=os.environ.get("DUPLICATI_CLIENT_CA_FILE"), pin_sha256=os.environ.get("DUPLICATI_CLIENT_PIN")
    )
    password = server.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    return Duplicati(server.url, credentials=Credentials(password=password), connection=trust)


def run_one(server: Server, arrangement: Arrangement, script: Script) -> Result:
    started = time.monotonic()
    try:
        try:
            arrangement.require(script.needs)
            variables = _variables(server, arrangement) | arrangement.make_backups(script.name, script.needs)
            run_script(script, variables)
            verdict, detail = "passed", ""
        finally:
            arrangement.remove_backups()
    except NotArrangeable as reason:
        verdict, detail = "skipped", str(reason)
    except (Mismatch, ScriptInvalid) as difference:
        verdict, detail = "failed", str(difference)
    except (DuplicatiClientError, OSError) as trouble:
        verdict, detail = "failed", f"arranging the server: {trouble}"
    return Result(script.name, verdict, detail, time.monotonic() - started)


def _variables(server: Server, arrangement: Arrangement) -> dict[str, str]:
    return {
        "URL": Duplicati(server.url).url,  # as the program writes it, however it was given
        "PASSWORD_FILE": str(server.password_file.resolve()),
        "PREFIX": arrangement.prefix,
        "RELEASE": ".".join(str(part) for part in arrangement.release),
    }
