"""What Schemathesis makes of the OpenAPI document, sent with authentication removed, forged, foreign and right.

`TASK_SERVER_SCHEMA_EXAMPLES` is how many requests of each route are tried by each.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from duplicati_client.taskserver import credentials
from duplicati_client.taskserver.credentials import Kind
from tests.e2e.task_server_process import TaskServerProcess, task_server_process

EXAMPLES_COUNT = int(os.environ.get("TASK_SERVER_SCHEMA_EXAMPLES", "2"))
# Of few requests those that are told apart by little are left to the table of who may do what.
FEW = ["removed", "foreign", "right"]
WHO = [*FEW, "forged for operators", "forged for daemons", "a daemon's"] if EXAMPLES_COUNT > 2 else FEW
SEED = 20261130
OPEN = {"/livez", "/readyz", "/metrics", "/api/enrol", "/api/v1/sessions"}
LEFT_OUT = {"DELETE /api/v1/sessions/current", "GET /api/v1/events"}
"""Of those who may: the one ends the token, the answer of the other has no end."""


class Asker(NamedTuple):
    """Somebody with a token, and whether they are nobody to operators' routes, and to daemons'."""

    token: str | None
    is_nobody: bool = True
    is_daemon: bool = False


class Scene(NamedTuple):
    server: TaskServerProcess
    operations: list[Any]
    askers: dict[str, Asker]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own parts
        import schemathesis
    with task_server_process(Path(tmp_path_factory.mktemp("schema")) / "data") as server:
        daemon = server.ask_as(server.token, "POST", "/api/v1/daemons", {"Name": "nas"}).value
        scope = {"Role": "administrator", "Scope": {"site": "elsewhere"}}
        foreign = server.ask_as(server.token, "POST", "/api/v1/tokens", scope).value
        askers = {
            "removed": Asker(None),
            "forged for operators": Asker(credentials.make(Kind.OPERATOR)),
            "forged for daemons": Asker(credentials.make(Kind.DAEMON)),
            "a daemon's": Asker(daemon["Token"], is_daemon=True),
            "foreign": Asker(foreign["Token"], is_nobody=False),
            "right": Asker(server.token, is_nobody=False),
        }
        document = server.ask("GET", "/api/v1/openapi.json").value
        schema = schemathesis.openapi.from_dict(document)
        schema.config.base_url = server.url
        yield Scene(server, [one.ok() for one in schema.get_all_operations()], askers)


@pytest.mark.parametrize("who", WHO)
def test_no_request_that_fits_the_document_is_a_bug_or_gets_in(scene: Scene, who: str) -> None:
    asker, wrongs = scene.askers[who], []
    for operation in scene.operations:
        if asker.is_nobody or operation.label not in LEFT_OUT:
            wrongs += try_out(operation, asker)
    assert wrongs == []


def try_out(operation: Any, asker: Asker) -> list[str]:
    """Send what is made for a route, and return what is wrong with the answers."""
    wrongs = []

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES_COUNT,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        headers = {} if asker.token is None else {"Authorization": f"Bearer {asker.token}"}
        # Whatever was made up as a login is not what is tried here.
        case.headers = {name: text for name, text in (case.headers or {}).items() if name != "Authorization"}
        if wrong := find_wrong(operation.path, asker, case.call(headers=headers, timeout=60)):
            wrongs.append(f"{operation.label}: {wrong}")

    ask()
    return wrongs


def find_wrong(path: str, asker: Asker, answer: Any) -> str | None:
    status = answer.status_code
    if status >= 500:
        return f"{status} {answer.text[:200]}"
    is_for_operators = path.startswith("/api/v1/")
    may_come_in = path in OPEN or (asker.is_daemon if not is_for_operators else not asker.is_nobody)
    if not may_come_in and status < 400:
        return f"{status} for who may not come in"
    if status >= 400 and answer.headers.get("content-type") != ["application/problem+json"]:
        return f"{status} as {answer.headers.get('content-type')}"
    return None
