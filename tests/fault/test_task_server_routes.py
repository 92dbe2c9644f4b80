"""Every route of the task server's own OpenAPI document, asked by those who may not and with what does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError

import pytest

from tests.e2e.task_server_process import Answer, TaskServerProcess, task_server_process

TASK = {"Operation": "list", "Resources": [{"Type": "backup"}]}
FOR_ALL = {"/livez", "/readyz", "/metrics", "/api/v1/sessions", "/api/enrol"}
FOR_VIEWERS = {
    "delete /api/v1/sessions/current",
    "get /api/v1/daemons",
    "get /api/v1/daemons/{daemon}",
    "get /api/v1/events",
    "get /api/v1/me",
    "get /api/v1/tasks",
    "get /api/v1/tasks/{daemon}/{number}",
    "get /api/v1/tasks/{daemon}/{number}/results",
    "get /api/v1/tokens",
    "post /api/v1/tokens",
}
IDS = (
    "..", "%2e%2e", "%2e%2e%2fme", "..%2f..%2fme", "%00", "%ff", "%f0%9f%99%82", "%0d%0aX-Set:1", "-1", "0", "1e9",
    "9" * 40, "x" * 3000, "%27%20or%201=1--", "%25", "a%20b",
)  # fmt: skip
NO_OBJECTS = (
    b"", b"{", b"null", b"[]", b'"x"', b"1", b"\xff\xfe", b'{"a":NaN}', b"[" * 20_000, b'{"Name":"\\ud800"}', b"{}}",
    b'{"Unknown":1}', b'{"__proto__":{}}',
)  # fmt: skip
WRONG_VALUES = (None, True, -1, 2**70, 1.5, "", "..", "\0", "x" * 100_000, [], [[]], {}, {"": None}, {"x": "y" * 9000})
BODIES_OF_DAEMONS = (
    ("post", "/api/tasks/1/result", ("ID", "Status", "Data", "Attempt")),
    ("post", "/api/enrol", ("Code", "Name", "Facts")),
    ("post", "/api/daemon/heartbeat", ("Running", "State")),
)
BEYOND_ANY_CAP = b'{"Name":"' + b"x" * (3 * 1024 * 1024) + b'"}'


class Route(NamedTuple):
    method: str
    path: str
    members: dict[str, Any]
    query: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Scene(NamedTuple):
    """A task server with one daemon in berlin and one in munich, a task each; tokens by who has them."""

    server: TaskServerProcess
    routes: list[Route]
    tokens: dict[str, str | None]

    def ask(self, who: str, route: Route, **names: str) -> Answer:
        """Ask without a body where none is needed, with an empty object where one is."""
        value = {} if route.method in ("post", "put", "patch") else None
        return self.server.ask_as(self.tokens[who], route.method.upper(), fill(route.path, **names), value)

    def make(self, path: str, value: Any) -> Any:
        made = self.server.ask_as(self.tokens["administrator"], "POST", path, value)
        assert made.status == 201, made
        return made.value


def fill(path: str, **names: str) -> str:
    known = {"daemon": "berlin", "number": "1", "name": "admin", "task_id": "1", "segment": "x", **names}
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "x"), path)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("routes")
    with task_server_process(Path(folder) / "data") as server:
        tokens = {"administrator": server.token, "nobody": None}
        on = Scene(server, list(read_routes(server.ask("GET", "/api/v1/openapi.json").value)), tokens)
        for name in ("berlin", "munich"):
            made = on.make("/api/v1/daemons", {"Name": name, "Labels": {"site": name}})
            tokens[f"daemon in {name}"] = made["Token"]
            on.make("/api/v1/tasks", {"Daemon": name, "Task": TASK})
        on.make("/api/v1/daemons", {"Name": "spare"})
        scope = {"Scope": {"site": "berlin"}}
        tokens["viewer"] = on.make("/api/v1/tokens", {"Role": "viewer"})["Token"]
        tokens["operator of berlin"] = on.make("/api/v1/tokens", {"Role": "operator", **scope})["Token"]
        yield on


def read_routes(document: dict[str, Any]) -> Iterator[Route]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            members = schemas[body["$ref"].rpartition("/")[2]]["properties"] if body else {}
            query = tuple(one["name"] for one in told.get("parameters", ()) if one["in"] == "query")
            yield Route(method, path, members, query)


def find_wrong(answer: Answer, *statuses: int) -> str | None:
    """Return what is wrong with a refusal: not refused, a bug, no problem document, or not one of the statuses."""
    if not 400 <= answer.status < 500 or (statuses and answer.status not in statuses):
        return f"{answer.status} {answer.body[:200]!r}"
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{answer.status} as {answer.headers.get('content-type')}"
    if set(answer.value) != {"type", "title", "status", "detail"} or answer.value["status"] != answer.status:
        return f"{answer.value}"
    return None


def is_bad(answer: Answer) -> str | None:
    """Return what is wrong with an answer that may well be a good one."""
    return None if 200 <= answer.status < 400 else find_wrong(answer)


def test_token_of_a_lesser_role_does_not_make_its_bearer_the_user(scene: Scene) -> None:
    for token in (scene.tokens["viewer"], scene.tokens["operator of berlin"]):
        change = {"Password": "another password of mine"}
        assert find_wrong(scene.server.ask_as(token, "PATCH", "/api/v1/users/admin", change), 403) is None


def test_token_that_ends_makes_none_that_outlives_it_and_a_session_does(scene: Scene) -> None:
    password = "a password of some length"
    scene.make("/api/v1/users", {"Name": "kim", "Password": password})
    session = scene.make("/api/v1/sessions", {"User": "kim", "Password": password})

    def make(token: str, **life: int) -> Any:
        return scene.server.ask_as(token, "POST", "/api/v1/tokens", life).value

    assert make(session["Token"])["ExpiresAt"] is None
    short = make(session["Token"], LifeSeconds=100)
    ends_at = short["ExpiresAt"][:19]
    for life in ({}, {"LifeSeconds": 86400}):
        assert make(short["Token"], **life)["ExpiresAt"][:19] == ends_at
    assert make(short["Token"], LifeSeconds=60)["ExpiresAt"][:19] < ends_at


def test_token_ends_none_of_its_user_that_can_do_more(scene: Scene) -> None:
    admin = scene.tokens["administrator"]
    made = {}
    for role in ("viewer", "operator"):
        wanted = {"Note": role, "Role": role, "LifeSeconds": 3600}
        made[role] = scene.server.ask_as(admin, "POST", "/api/v1/tokens", wanted).value
    for who in ("viewer", "operator of berlin"):
        refused = scene.server.ask_as(scene.tokens[who], "DELETE", f"/api/v1/tokens/{made['operator']['ID']}")
        assert find_wrong(refused, 403) is None
    ended = scene.server.ask_as(made["viewer"]["Token"], "DELETE", f"/api/v1/tokens/{made['viewer']['ID']}")
    assert ended.status == 204


@pytest.mark.parametrize("who", ["nobody", "daemon in berlin"])
def test_operators_routes_are_closed_to_who_is_none(scene: Scene, who: str) -> None:
    wrongs = {}
    for route in scene.routes:
        if route.path in FOR_ALL or (who != "nobody" and not route.path.startswith("/api/v1/")):
            continue
        if wrong := find_wrong(scene.ask(who, route), 401):
            wrongs[route.name] = wrong
    assert wrongs == {}


def test_daemons_routes_are_closed_to_operators(scene: Scene) -> None:
    routes = [route for route in scene.routes if route.path.startswith(("/api/tasks", "/api/daemon", "/d/"))]
    assert len(routes) >= 9
    wrongs = {route.name: find_wrong(scene.ask("administrator", route), 401) for route in routes}
    assert {name: wrong for name, wrong in wrongs.items() if wrong} == {}


def test_viewer_changes_nothing_and_sees_no_users_codes_or_audit(scene: Scene) -> None:
    # Who logs out has no token for what comes after.
    routes = sorted(scene.routes, key=lambda route: route.path.endswith("/current"))
    wrongs, allowed = {}, set()
    for route in (route for route in routes if route.path.startswith("/api/v1/") and route.path not in FOR_ALL):
        answer = scene.ask("viewer", route)
        if 200 <= answer.status < 300:
            allowed.add(route.name)
        elif wrong := find_wrong(answer, 400, 403, 404):
            wrongs[route.name] = wrong
    assert (wrongs, allowed) == ({}, FOR_VIEWERS)


def test_bodies_that_are_none_of_ours_are_refused_and_told_as_problems(scene: Scene) -> None:
    wrongs = {}
    for route, token in list_bodies(scene):
        for body in NO_OBJECTS:
            is_lenient = route.path.startswith("/api/daemon/") and body.endswith(b"}")
            answer = send(scene, route, token, body)
            if wrong := is_bad(answer) if is_lenient else find_wrong(answer):
                wrongs[f"{route.name} {body[:30]!r}"] = wrong
    assert wrongs == {}


def test_members_of_a_wrong_kind_are_no_bug(scene: Scene) -> None:
    wrongs = {}
    for route, token in list_bodies(scene):
        for name in route.members:
            for value in WRONG_VALUES:
                answer = send(scene, route, token, json.dumps({name: value}).encode())
                if wrong := is_bad(answer):
                    wrongs[f"{route.name} {name}={str(value)[:20]!r}"] = wrong
    assert wrongs == {}


def test_bodies_beyond_the_cap_are_refused(scene: Scene) -> None:
    wrongs = {}
    for route, token in list_bodies(scene):
        try:
            wrongs[route.name] = find_wrong(send(scene, route, token, BEYOND_ANY_CAP), 413)
        except URLError as exc:  # it may hang up before it has all of a body that it will not take
            if not isinstance(exc.reason, BrokenPipeError | ConnectionResetError):
                raise
    assert {name: wrong for name, wrong in wrongs.items() if wrong} == {}


def list_bodies(on: Scene) -> list[tuple[Route, str | None]]:
    """Return each route that takes a body, with the token of somebody who may send it."""
    found = [(route, on.tokens["administrator"]) for route in on.routes if route.members]
    assert len(found) >= 8
    for method, path, names in BODIES_OF_DAEMONS:
        found.append((Route(method, path, dict.fromkeys(names), ()), on.tokens["daemon in berlin"]))
    return found


def send(on: Scene, route: Route, token: str | None, body: bytes) -> Answer:
    path = fill(route.path, name="nobody", daemon="spare")
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return on.server.ask(route.method.upper(), path, body, **headers)


def test_ids_that_are_paths_or_nonsense_lead_nowhere(scene: Scene) -> None:
    wrongs = {}
    for route in scene.routes:
        for name in re.findall(r"\{(\w+)\}", route.path):
            for text in IDS:
                if wrong := find_wrong(scene.ask("administrator", route, **{name: text})):
                    wrongs[f"{route.name} {name}={text[:30]}"] = wrong
    assert wrongs == {}


def test_queries_that_do_not_fit_are_no_bug(scene: Scene) -> None:
    wrongs = {}
    for route in scene.routes:
        for name in route.query:
            for text in IDS:
                answer = scene.server.ask_as(scene.tokens["administrator"], "GET", f"{route.path}?{name}={text}")
                if wrong := is_bad(answer) if name in ("limit", "label") else find_wrong(answer):
                    wrongs[f"{route.name} {name}={text[:30]}"] = wrong
    assert wrongs == {}


def test_methods_that_a_path_does_not_have_are_refused(scene: Scene) -> None:
    known = {route.name for route in scene.routes}
    wrongs = {}
    for path in {route.path for route in scene.routes}:
        for method in ("get", "post", "put", "patch", "delete"):
            if f"{method} {path}" not in known:
                answer = scene.server.ask_as(scene.tokens["administrator"], method.upper(), fill(path))
                if wrong := find_wrong(answer, 404, 405):
                    wrongs[f"{method} {path}"] = wrong
    assert wrongs == {}


def test_daemon_elsewhere_looks_to_a_scoped_token_like_one_that_is_not(scene: Scene) -> None:
    wrongs = {}
    for route in scene.routes:
        if "{daemon}" in route.path:
            here, elsewhere, unknown = (
                scene.ask("operator of berlin", route, daemon=name) for name in ("berlin", "munich", "nowhere")
            )
            is_hidden = elsewhere.body == unknown.body and (unknown.status == 403 or here.body != unknown.body)
            if find_wrong(elsewhere, 403, 404) or not is_hidden:
                wrongs[route.name] = (here.status, elsewhere, unknown)
    assert wrongs == {}


def test_tasks_of_a_daemon_elsewhere_are_neither_listed_nor_given_under_a_scoped_token(scene: Scene) -> None:
    token = scene.tokens["operator of berlin"]
    for path in ("/api/v1/daemons", "/api/v1/tasks"):
        told = scene.server.ask_as(token, "GET", path)
        assert (told.status, b"berlin" in told.body, b"munich" in told.body) == (200, True, False)
    for to in ({"Daemon": "munich"}, {"Selector": {"site": "munich"}}):
        assert find_wrong(scene.server.ask_as(token, "POST", "/api/v1/tasks", {**to, "Task": TASK}), 404) is None
    for query in ("tasks?daemon=munich", "events?daemon=munich"):
        assert find_wrong(scene.server.ask_as(token, "GET", f"/api/v1/{query}"), 404) is None


@pytest.mark.parametrize("etag", ['"v0"', '"v00"', '"v-1"', 'W/"v1"', "v1", '"v1", "v2"'])
def test_change_for_a_version_that_there_never_is_changes_nothing(scene: Scene, etag: str) -> None:
    headers = {"Authorization": f"Bearer {scene.tokens['administrator']}", "Content_Type": "application/json"}
    labels = b'{"Labels":{"site":"nowhere"}}'
    answer = scene.server.ask("PATCH", "/api/v1/daemons/spare", labels, **headers, If_Match=etag)
    assert find_wrong(answer, 400, 412) is None
