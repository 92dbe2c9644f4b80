"""The modern gate answers every recorded opening, login, refresh and logout as the servers did."""

from __future__ import annotations

import asyncio
import json

import pytest

from duplicati_client.sandbox.modern.access import Access, Gate
from duplicati_client.sandbox.modern.logins import Rules
from duplicati_client.sandbox.release import find
from duplicati_client.sandbox.web import pages
from duplicati_client.sandbox.web.connection import dress_as_kestrel
from duplicati_client.sandbox.web.serve import Call, Router, json_reply
from tests.unit.sandbox.recorded import Own, StillClock, as_call, body_text, read_lines, split_answer, without_secrets

MODERN = ("2.1.0.5", "2.2.0.3", "2.3.0.4", "2.3.1.0")
PASSWORD = "correct horse"


class Holder:
    def __init__(self, password: str = PASSWORD) -> None:
        self.password = password


async def answer_state(call: Call):
    return json_reply({"ProgramState": "Running"})


def build_gate(version: str, **rules) -> Gate:
    release = find(version)
    access = Access(release, Rules(**rules), Holder(), StillClock())
    verbs = [("GET", "/api/v1/serverstate"), ("GET", "/api/v1/systeminfo"), ("GET", "/api/v1/commandline")]
    verbs += [("GET", "/api/v1/backups"), ("POST", "/api/v1/backups"), ("GET", "/api/v1/backup/{id}/export")]
    verbs += [("POST", "/api/v2/backup/list-filesets")] if release.has_v2 else []
    return Gate(access, Router({**pages.ROUTES, **access.routes(), **dict.fromkeys(verbs, answer_state)}))


def ask(gate: Gate, method: str, path: str, body: object = None, **headers: str):
    query = dict([path.partition("?")[2].split("=")]) if "?" in path else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named["content-type"] = "application/json"
    data = b"" if body is None else json.dumps(body).encode()
    host = named.pop("host", "127.0.0.1:8200")
    return asyncio.run(gate(Call(method, path.partition("?")[0], query, named, data, host)))


def play(gate: Gate, line: dict, own: Own) -> None:
    request, response = line["request"], line["response"]
    reply = asyncio.run(gate(as_call(request, own, body_text(request.get("body")))))
    first, headers, _ = split_answer(dress_as_kestrel(reply, request["method"] == "HEAD"))
    where = f"{line['seq']} {line['note']}"
    assert first == f"HTTP/1.1 {response['status']} {response['reason']}", where
    volatile = {"Date", "ETag", "Last-Modified"} | ({"Content-Length"} if request["path"] == "/" else set())
    assert without_secrets(headers, volatile) == without_secrets(response["headers"], volatile), where
    learn_cookie(response["headers"], headers, own)
    recorded = response["body"].get("json")
    if isinstance(recorded, dict) and "ProgramState" not in recorded:
        compare_members(recorded, json.loads(reply.body), own, where)
    elif response["body"]["length"] == 0:
        assert reply.body == b"", where


def learn_cookie(recorded, sent, own: Own) -> None:
    values = [dict(pairs).get("Set-Cookie", "=;").partition("=")[2].partition(";")[0] for pairs in (recorded, sent)]
    if values[0]:
        own.learn(*values)


def compare_members(recorded: dict, sent: dict, own: Own, where: str) -> None:
    assert list(recorded) == list(sent), where
    for name, value in recorded.items():
        if name in {"AccessToken", "RefreshNonce", "Token", "socketToken"} and value is not None:
            own.learn(value, sent[name])
        else:
            assert sent[name] == value, where


@pytest.mark.parametrize("version", MODERN)
def test_every_recorded_opening_and_login_is_answered_alike(version):
    gate, own = build_gate(version), Own()
    for line in read_lines(version, "probes") + read_lines(version, "auth"):
        play(gate, line, own)
    assert len(own.given) > 20


@pytest.mark.parametrize("version", ["2.1.0.5", "2.3.1.0"])
def test_recorded_expiry_and_late_replay_are_answered_alike(version):
    gate, own = build_gate(version), Own()
    for line in read_lines(version, "expiry"):
        clock = gate.access.logins.clock
        if "request" not in line:
            clock.skip(line["seconds_since_login"])
            continue
        if "replayed after 35 s" in line["note"]:
            clock.skip(35)
        play(gate, line, own)


@pytest.mark.parametrize("version", MODERN)
def test_recorded_preauth_forever_and_changed_key_are_answered_alike(version):
    lines = [line for line in read_lines(version, "extra") if "request" in line]
    first = next(index for index, line in enumerate(lines) if line["note"] == "pre-auth token")
    rules = {"preauth_tokens": ("letmein12345",), "allowed_hostnames": ("backup.example.org",)}
    gate, own = build_gate(version, enables_forever_token=True, **rules), Own()
    for line in lines[first:]:
        if "password" in line["note"]:
            gate.access.logins.holder.password = {"new password": "another horse"}.get(line["note"], PASSWORD)
            if line["note"] == "old password":
                gate.access.logins.holder.password = "another horse"
                play(gate, line, own)
            continue
        if line["note"].startswith("token after the signing key"):
            gate.access.logins.reset_key()
        play(gate, line, own)


def log_in(gate: Gate, **members) -> tuple[dict, str]:
    reply = ask(gate, "POST", "/api/v1/auth/login", {"Password": PASSWORD, **members})
    assert reply.status == 200
    return json.loads(reply.body), dict(reply.headers).get("Set-Cookie", "").partition(";")[0]


def test_a_pair_may_be_replayed_once_within_half_a_minute():
    gate = build_gate("2.3.1")
    session, cookie = log_in(gate, RememberMe=True)
    for _ in range(2):
        assert (
            ask(gate, "POST", "/api/v1/auth/refresh", {"Nonce": session["RefreshNonce"]}, cookie=cookie).status == 200
        )
        gate.access.logins.clock.skip(0)
    third = ask(gate, "POST", "/api/v1/auth/refresh", {"Nonce": session["RefreshNonce"]}, cookie=cookie)
    assert third.status == 401
    assert not gate.access.logins.families


def test_a_short_refresh_token_stays_short_through_rotation():
    gate = build_gate("2.3.1")
    session, cookie = log_in(gate)
    gate.access.logins.clock.skip(119 * 60)
    reply = ask(gate, "POST", "/api/v1/auth/refresh", {"Nonce": session["RefreshNonce"]}, cookie=cookie)
    assert reply.status == 200
    cookie = dict(reply.headers)["Set-Cookie"].partition(";")[0]
    gate.access.logins.clock.skip(121 * 60)
    nonce = json.loads(reply.body)["RefreshNonce"]
    assert ask(gate, "POST", "/api/v1/auth/refresh", {"Nonce": nonce}, cookie=cookie).status == 401


def test_a_signin_token_ends_after_five_minutes_with_its_own_text():
    gate = build_gate("2.3.1")
    token = json.loads(ask(gate, "POST", "/api/v1/auth/issuesignintoken", {"Password": PASSWORD}).body)["Token"]
    gate.access.logins.clock.skip(310)
    reply = ask(gate, "POST", "/api/v1/auth/signin", {"SigninToken": token})
    assert json.loads(reply.body) == {"Error": "Signin token expired", "Code": 401}


def test_disabled_signin_tokens_are_refused_by_name():
    gate = build_gate("2.3.1", disables_signin_tokens=True)
    reply = ask(gate, "POST", "/api/v1/auth/issuesignintoken", {"Password": PASSWORD})
    assert json.loads(reply.body) == {"Error": "Signin tokens are disabled", "Code": 401}


def test_the_pre_shared_key_is_asked_of_the_api_but_not_of_health():
    gate = build_gate("2.3.1", pre_shared_key="k" * 16)
    refused = ask(gate, "POST", "/api/v1/auth/login", {"Password": PASSWORD})
    assert (refused.status, refused.body) == (403, b"Invalid PreSharedKey")
    assert ask(gate, "POST", "/api/v1/auth/status", x_duplicati_presharedkey="k" * 16).status == 200
    assert ask(gate, "GET", "/health").status == 200


def test_a_refused_host_name_is_an_envelope_on_v2():
    gate = build_gate("2.3.1")
    session, _ = log_in(gate)
    bearer = "Bearer " + session["AccessToken"]
    reply = ask(gate, "POST", "/api/v2/backup/list-filesets", authorization=bearer, host="backup.example.org")
    assert reply.status == 200
    assert json.loads(reply.body)["StatusCode"] == "HTTP-403"


def test_a_refresh_token_is_no_access_token():
    gate = build_gate("2.3.1")
    _, cookie = log_in(gate)
    token = cookie.partition("=")[2]
    assert ask(gate, "GET", "/api/v1/serverstate", authorization=f"Bearer {token}").status == 401


@pytest.mark.parametrize(("token", "status"), [(None, 400), ("x", 500), ("bugreport", 500), ("export", 200)])
def test_an_export_needs_its_own_token(token, status):
    gate = build_gate("2.3.1")
    own = gate.access.logins.single_token(token) if token in {"bugreport", "export"} else token
    path = "/api/v1/backup/1/export" + (f"?token={own}" if own else "")
    assert ask(gate, "GET", path).status == status


def test_a_restart_keeps_sessions_and_allows_another_forever_token():
    gate = build_gate("2.3.1", enables_forever_token=True)
    session, _ = log_in(gate)
    bearer = "Bearer " + session["AccessToken"]
    assert ask(gate, "POST", "/api/v1/auth/issue-forever-token", authorization=bearer).status == 200
    assert ask(gate, "POST", "/api/v1/auth/issue-forever-token", authorization=bearer).status == 401
    gate.access.restart()
    assert ask(gate, "POST", "/api/v1/auth/issue-forever-token", authorization=bearer).status == 200


def test_signing_key_and_families_outlive_the_process():
    gate, other = build_gate("2.3.1"), build_gate("2.3.1")
    session, _ = log_in(gate)
    other.access.logins.restore(json.loads(json.dumps(gate.access.logins.as_dict())))
    assert ask(other, "GET", "/api/v1/serverstate", authorization="Bearer " + session["AccessToken"]).status == 200
