"""Who may do what, for every route of the OpenAPI document, every kind of asker, and objects of their own and others'.

The table says what each route needs; a route that is not in it fails. All cells are asked with a request that is good
but for who asks, each for an object of its own, so that whoever may do it gets an answer of 2xx or 3xx.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.taskserver import credentials
from duplicati_client.taskserver.credentials import Kind
from tests.e2e.task_server_process import Answer, TaskServerProcess, task_server_process

TASK = {"Operation": "list", "Resources": [{"Type": "backup"}]}
PASSWORD = "a password of some length"


class Needs(IntEnum):
    """The least that a route asks for, each operator's more than the one before; `FLEET` is all daemons."""

    NOTHING = 0
    DAEMON = 1
    VIEWER = 2
    OPERATOR = 3
    FLEET = 4


class Rule(NamedTuple):
    """What a route needs, and a body that fits."""

    needs: Needs
    body: Any = None


RULES = {
    "get /livez": Rule(Needs.NOTHING),
    "get /readyz": Rule(Needs.NOTHING),
    "get /metrics": Rule(Needs.NOTHING),
    "post /api/enrol": Rule(Needs.NOTHING, {"Code": "{code}", "Name": "{new}"}),
    "post /api/v1/sessions": Rule(Needs.NOTHING, {"User": "alex", "Password": PASSWORD}),
    "get /api/tasks/status": Rule(Needs.DAEMON),
    "get /api/tasks": Rule(Needs.DAEMON),
    "post /api/tasks/{task_id}/result": Rule(Needs.DAEMON, {"ID": 1, "Status": "accepted"}),
    "get /d/{segment}/api/tasks/status": Rule(Needs.DAEMON),
    "get /d/{segment}/api/tasks": Rule(Needs.DAEMON),
    "post /d/{segment}/api/tasks/{task_id}/result": Rule(Needs.DAEMON, {"ID": 1, "Status": "accepted"}),
    "post /api/daemon/heartbeat": Rule(Needs.DAEMON, {"Running": []}),
    "put /api/daemon/inventory": Rule(Needs.DAEMON, {"Servers": {}}),
    "post /api/daemon/token": Rule(Needs.DAEMON, {}),
    "get /api/v1/me": Rule(Needs.VIEWER),
    "delete /api/v1/sessions/current": Rule(Needs.VIEWER),
    "get /api/v1/tokens": Rule(Needs.VIEWER),
    "post /api/v1/tokens": Rule(Needs.VIEWER, {"Role": "viewer"}),
    "delete /api/v1/tokens/{token_id}": Rule(Needs.FLEET),
    "get /api/v1/daemons": Rule(Needs.VIEWER),
    "get /api/v1/daemons/{daemon}": Rule(Needs.VIEWER),
    "get /api/v1/events": Rule(Needs.VIEWER),
    "get /api/v1/tasks": Rule(Needs.VIEWER),
    "get /api/v1/tasks/{daemon}/{number}": Rule(Needs.VIEWER),
    "get /api/v1/tasks/{daemon}/{number}/results": Rule(Needs.VIEWER),
    "post /api/v1/tasks": Rule(Needs.OPERATOR, {"Daemon": "{daemon}", "Task": TASK}),
    "post /api/v1/tasks/{daemon}/{number}/cancel": Rule(Needs.OPERATOR),
    "post /api/v1/tasks/{daemon}/{number}/reassign": Rule(Needs.OPERATOR),
    "post /api/v1/daemons/{daemon}/choose-instance": Rule(Needs.OPERATOR),
    "post /api/v1/daemons": Rule(Needs.FLEET, {"Name": "{new}"}),
    "patch /api/v1/daemons/{daemon}": Rule(Needs.FLEET, {"Labels": {"site": "berlin"}}),
    "post /api/v1/daemons/{daemon}/approve": Rule(Needs.FLEET),
    "post /api/v1/daemons/{daemon}/revoke": Rule(Needs.FLEET),
    "get /api/v1/codes": Rule(Needs.FLEET),
    "post /api/v1/codes": Rule(Needs.FLEET, {"Uses": 1}),
    "delete /api/v1/codes/{code_id}": Rule(Needs.FLEET),
    "get /api/v1/users": Rule(Needs.FLEET),
    "post /api/v1/users": Rule(Needs.FLEET, {"Name": "{new}", "Password": PASSWORD}),
    "get /api/v1/users/{name}": Rule(Needs.FLEET),
    "patch /api/v1/users/{name}": Rule(Needs.FLEET, {"Disabled": False}),
    "delete /api/v1/users/{name}": Rule(Needs.FLEET),
    "get /api/v1/settings": Rule(Needs.FLEET),
    "patch /api/v1/settings": Rule(Needs.FLEET, {}),
    "get /api/v1/audit": Rule(Needs.FLEET),
    "post /api/v1/audit/check": Rule(Needs.FLEET),
}  # fmt: skip


class Asker(NamedTuple):
    """Somebody with a token: how much they may, and which daemons they see; `labels` None is all of them."""

    name: str
    token: str | None
    may: Needs
    labels: str | None = None

    @property
    def is_operator(self) -> bool:
        return self.may >= Needs.VIEWER


class Stage:
    """A task server with fresh objects for each cell."""

    def __init__(self, server: TaskServerProcess) -> None:
        self.server = server
        document = server.ask("GET", "/api/v1/openapi.json").value
        self.routes = [f"{method} {path}" for path, methods in document["paths"].items() for method in methods]
        self._numbers = itertools.count(1)
        self.add_alex()

    def add_alex(self) -> None:
        """Add another user, and let them log in."""
        alex = {"User": "alex", "Password": PASSWORD}
        self.make("/api/v1/users", {"Name": "alex", "Password": PASSWORD, "Role": "administrator"})
        self._alex = str(self.make("/api/v1/sessions", alex)["Token"])

    def make(self, path: str, value: Any) -> Any:
        made = self.server.ask_as(self.server.token, "POST", path, value)
        assert made.status == 201, made
        return made.value

    def new(self) -> str:
        return f"n{next(self._numbers)}"

    def make_token(self, role: str, site: str | None = None) -> str:
        scope = {"site": site} if site else {}
        return str(self.make("/api/v1/tokens", {"Role": role, "Scope": scope})["Token"])

    def make_daemon(self, site: str) -> tuple[str, str]:
        made = self.make("/api/v1/daemons", {"Name": self.new(), "Labels": {"site": site}})
        return made["Daemon"]["Name"], made["Token"]

    def list_askers(self) -> list[Asker]:
        """Return all kinds of them, with tokens of their own."""
        revoked, revoked_token = self.make_daemon("berlin")
        self.server.ask_as(self.server.token, "POST", f"/api/v1/daemons/{revoked}/revoke")
        ended = self.make("/api/v1/tokens", {"Role": "administrator"})
        self.server.ask_as(self.server.token, "DELETE", f"/api/v1/tokens/{ended['ID']}")
        return [
            Asker("nobody", None, Needs.NOTHING),
            Asker("a garbled token", "x", Needs.NOTHING),
            Asker("a forged operator", credentials.make(Kind.OPERATOR), Needs.NOTHING),
            Asker("a forged daemon", credentials.make(Kind.DAEMON), Needs.NOTHING),
            Asker("a revoked daemon", revoked_token, Needs.NOTHING),
            Asker("an ended token", ended["Token"], Needs.NOTHING),
            Asker("a daemon", self.make_daemon("berlin")[1], Needs.DAEMON),
            Asker("a viewer", self.make_token("viewer"), Needs.VIEWER),
            Asker("an operator", self.make_token("operator"), Needs.OPERATOR),
            Asker("an operator of berlin", self.make_token("operator", "berlin"), Needs.OPERATOR, "berlin"),
            Asker("an administrator of berlin", self.make_token("administrator", "berlin"), Needs.OPERATOR, "berlin"),
            Asker("an administrator", self.make_token("administrator"), Needs.FLEET),
        ]

    def ask(self, route: str, asker: Asker, site: str) -> Answer:
        """Ask for a fresh object of that site."""
        method, path = route.split(" ")
        names = self._make_names(path, site)
        if "{segment}" in path:
            names["segment"] = asker.token or "nobody"
        if route in ("post /api/daemon/token", "delete /api/v1/sessions/current"):
            asker = self._renew(asker)
        rule = RULES[route]
        if rule.body is not None and "{code}" in str(rule.body):
            names["code"] = self.make("/api/v1/codes", {"Uses": 1})["Code"]
        body = _fill(rule.body, {**names, "new": self.new()}) if rule.body is not None else None
        return self.server.ask_as(asker.token, method.upper(), re.sub(r"\{(\w+)\}", lambda m: names[m[1]], path), body)

    def _renew(self, asker: Asker) -> Asker:
        """Give somebody whose token will not outlive the request another one."""
        if asker.may is Needs.DAEMON:
            return asker._replace(token=self.make_daemon("berlin")[1])
        if asker.is_operator:
            role = {Needs.VIEWER: "viewer", Needs.OPERATOR: "operator", Needs.FLEET: "administrator"}[asker.may]
            return asker._replace(token=self.make_token(role, asker.labels))
        return asker

    def _make_names(self, path: str, site: str) -> dict[str, str]:
        names = {"task_id": "1", "number": "1", "name": "alex"}
        is_alex_needed = path.endswith("/sessions") or "{name}" in path or "{token_id}" in path
        if is_alex_needed and self.server.ask_as(self.server.token, "GET", "/api/v1/users/alex").status != 200:
            self.add_alex()
        if "{daemon}" in path or path == "/api/v1/tasks":
            names["daemon"] = self.make_daemon(site)[0]
        if path.endswith("/approve"):
            names["daemon"] = self._make_waiting()
        if "{number}" in path:
            self.make("/api/v1/tasks", {"Daemon": names["daemon"], "Task": TASK})
        if "{code_id}" in path:
            names["code_id"] = self.make("/api/v1/codes", {"Uses": 1})["ID"]
        if "{token_id}" in path:
            made = self.server.ask_as(self._alex, "POST", "/api/v1/tokens", {"Role": "viewer"})
            names["token_id"] = made.value["ID"]
        return names

    def _make_waiting(self) -> str:
        name = self.new()
        code = self.make("/api/v1/codes", {"Uses": 1, "Approve": True, "Labels": {"site": "berlin"}})["Code"]
        assert self.server.ask_as(None, "POST", "/api/enrol", {"Code": code, "Name": name}).status == 202
        return name


def _fill(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _fill(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [_fill(member, names) for member in value]
    return re.sub(r"\{(\w+)\}", lambda m: names[m[1]], value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with task_server_process(Path(tmp_path_factory.mktemp("authorisation")) / "data") as server:
        yield Stage(server)


def find_wrong(route: str, asker: Asker, site: str, answer: Answer) -> str | None:
    """Return what is wrong with an answer to somebody."""
    needs = RULES[route].needs
    is_own = asker.labels in (None, site) or "{daemon}" not in f"{route}{RULES[route].body}"
    is_allowed = asker.may is needs if needs is Needs.DAEMON else asker.may >= needs and is_own
    if is_allowed:
        return None if answer.status < 400 else f"{answer.status} {answer.body!r}"
    is_stranger = needs is Needs.DAEMON or not asker.is_operator
    if answer.status not in ((401,) if is_stranger else (403, 404)):
        return f"{answer.status} {answer.body[:100]!r}"
    if answer.headers.get("content-type") != "application/problem+json" or answer.value["status"] != answer.status:
        return f"{answer.status} as {answer.headers.get('content-type')}"
    if answer.status == 401 and not answer.headers.get("www-authenticate", "").startswith("Bearer"):
        return "401 without WWW-Authenticate"
    return None


def test_table_has_every_route_and_no_other(stage: Stage) -> None:
    assert sorted(stage.routes) == sorted(RULES)


def test_every_route_is_open_to_those_who_may_and_to_nobody_else(stage: Stage) -> None:
    wrongs, cells_count = {}, 0
    for route in (route for route in RULES if route in stage.routes):
        for asker in stage.list_askers():
            for site in ("berlin", "munich") if "{daemon}" in f"{route}{RULES[route].body}" else ("berlin",):
                answer = stage.ask(route, asker, site)
                cells_count += 1
                if wrong := find_wrong(route, asker, site, answer):
                    wrongs[f"{route}, {asker.name}, {site}"] = wrong
    print(f"{cells_count} cells")
    assert wrongs == {}
    assert cells_count > 500


def test_refusals_are_the_same_words_for_whatever_is_wrong_with_a_token(stage: Stage) -> None:
    told = {
        stage.server.ask_as(asker.token, "GET", "/api/v1/daemons").body
        for asker in stage.list_askers()
        if not asker.is_operator
    }
    assert len(told) == 1


def test_daemon_has_no_way_to_the_tasks_and_results_of_another(stage: Stage) -> None:
    (name, token), (_, other) = stage.make_daemon("berlin"), stage.make_daemon("berlin")
    stage.make("/api/v1/tasks", {"Daemon": name, "Task": TASK})
    marker = secrets.token_hex(8)
    forged = {"ID": 1, "Status": "completed", "Data": {"Text": marker}}
    assert stage.server.ask_as(other, "GET", "/api/tasks").value == []
    assert stage.server.ask_as(other, "POST", "/api/tasks/1/result", forged).value["Recorded"] == "orphan"
    task = stage.server.ask_as(stage.server.token, "GET", f"/api/v1/tasks/{name}/1").value
    assert (task["State"], task["Data"]) == ("pending", None)
    assert marker.encode() not in stage.server.ask_as(token, "GET", "/api/tasks").body
