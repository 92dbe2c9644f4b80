"""The legacy gate answers every recorded first contact, login, limit and expiry as the server did."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
from urllib.parse import quote, unquote

import pytest

from duplicati_client.sandbox.legacy.access import LegacyAccess, LegacyGate, hash_password
from duplicati_client.sandbox.legacy.replies import marked_json, only_mark, reported
from duplicati_client.sandbox.web.connection import dress_as_tiny
from duplicati_client.sandbox.web.serve import Call
from tests.unit.sandbox.recorded import (
    VOLATILE,
    Own,
    StillClock,
    as_call,
    body_text,
    read_lines,
    split_answer,
    without_secrets,
)

PASSWORD = "correct horse"
RELEASE = "2.0.8.1"
# Pages are not imitated to the letter, and states and settings are the engine's.
FREE_BODIES = ("<!doctype", "<!DOCTYPE", "{", "[", "back")


async def stub_api(call: Call):
    module = call.path.lower().split("/")[3] if call.path.count("/") > 2 else ""
    if module == "captcha":
        return reported(404, "No such entry") if call.method == "GET" else marked_json({"token": "t"})
    if call.path.lower().endswith("/export-cmdline"):
        return reported(404, "Invalid or missing backup id")
    if module in {"no-such", "auth"}:
        return only_mark(404, "No such module")
    if call.method in {"DELETE", "HEAD"}:
        return only_mark(405, "Method is not allowed")
    return marked_json({"Status": "OK"})


def build_gate(password: str = PASSWORD) -> LegacyGate:
    salt = os.urandom(32)
    settings = {"server-passphrase": hash_password(password, salt) if password else ""}
    settings["server-passphrase-salt"] = base64.b64encode(salt).decode()
    return LegacyGate(LegacyAccess(settings, StillClock()), stub_api)


def answer_of(nonce: str, gate: LegacyGate) -> str:
    stored = base64.b64decode(gate.access.settings["server-passphrase"])
    return base64.b64encode(hashlib.sha256(base64.b64decode(nonce) + stored).digest()).decode()


class Player:
    """Sends recorded requests with the cookies, tokens and answers that the gate itself gave."""

    def __init__(self, gate: LegacyGate) -> None:
        self.gate = gate
        self.own = Own()
        self.nonce = ""

    def play(self, line: dict) -> None:
        request, response = line["request"], line["response"]
        body = body_text(request.get("body"))
        if body.startswith("password=") and "answer" in line["note"] and "wrong" not in line["note"]:
            body = "password=" + quote(answer_of(self.nonce, self.gate), safe="") if self.nonce else body
        reply = asyncio.run(self.gate(as_call(request, self.own, body)))
        first, headers, sent_body = split_answer(dress_as_tiny(reply, request["method"] == "HEAD"))
        where = f"{line['seq']} {line['note']}"
        assert first == f"HTTP/1.1 {response['status']} {response['reason']}", where
        text = response["body"].get("text", response["body"].get("json_start", "{")).lstrip("\ufeff")
        volatile = VOLATILE | ({"Content-Length"} if text.startswith(FREE_BODIES) else set())
        hidden = [(name, value.rstrip()) for name, value in without_secrets(headers, volatile)]
        assert hidden == [(name, value.rstrip()) for name, value in without_secrets(response["headers"], volatile)], (
            where
        )
        self.learn(response["headers"], headers)
        if text and not text.startswith(FREE_BODIES):
            assert sent_body.decode("utf-8-sig") == text, where

    def learn(self, recorded: list, sent: list) -> None:
        for (_, theirs), (_, ours) in zip(
            *([p for p in h if p[0] == "Set-Cookie"] for h in (recorded, sent)), strict=True
        ):
            pair = [re.sub("^[^=]*=([^;]*);.*", r"\1", cookie) for cookie in (theirs, ours)]
            self.own.learn(*pair)
            self.own.learn(*map(unquote, pair))
            if theirs.startswith("session-nonce"):
                self.nonce = unquote(pair[1])


@pytest.mark.parametrize("scenario", ["first-contact", "login-and-logout"])
def test_recorded_contacts_and_logins_are_answered_alike(scenario):
    player = Player(build_gate())
    lines = [line for line in read_lines(RELEASE, scenario) if "response" in line]
    for line in lines:
        player.play(line)
    assert len(lines) > 20


def test_recorded_limits_are_kept():
    player = Player(build_gate())
    # The recording server had one token more, from the call that waited for its start.
    asyncio.run(player.gate(Call("GET", "/", host="127.0.0.1")))
    cookie = {}
    for line in read_lines(RELEASE, "limits"):
        if line["note"] == "nonces asked before":
            cookie = {"cookie": "xsrf-token=" + next(iter(player.own.given.values()))}
            form = {"content-type": "application/x-www-form-urlencoded"} | cookie
            for _ in range(line["count"]):
                call = Call("POST", "/login.cgi", headers=form, body=b"get-nonce=1", host="127.0.0.1")
                assert asyncio.run(player.gate(call)).status == 200
        elif line["note"] == "tokens asked before":
            for _ in range(line["count"]):
                assert asyncio.run(player.gate(Call("GET", "/", host="127.0.0.1"))).status == 302
        else:
            player.play(line)


def test_recorded_server_without_a_password_is_answered_alike():
    gate = build_gate("")
    player = Player(gate)
    for line in read_lines(RELEASE, "no-password"):
        if line["note"] == "set a password":
            gate.access.settings.update(line["request"]["body"] if isinstance(line["request"]["body"], dict) else {})
            gate.access.settings.update({"server-passphrase": hash_password(PASSWORD, b"s")})
        if line["note"] in {"allow a host name", "set a password", "take it away"}:
            gate.access.settings["allowed-hostnames"] = "backup.example.org;other"
            continue
        if "response" not in line or line["response"] is None:
            continue
        if line["note"] == "logout" and gate.access.is_password_set:
            gate.access.settings["server-passphrase"] = ""
        if line["seq"] > 821:
            break
        player.play(line)


def test_recorded_expiry_is_answered_alike():
    player = Player(build_gate())
    lines = read_lines(RELEASE, "expiry")
    sign_in(player, lines[0]["request"]["headers"]["Cookie"])
    for line in lines:
        if line["note"] == "idle":
            player.gate.access.clock.skip(line["seconds"])
        else:
            player.play(line)


def sign_in(player: Player, recorded_cookies: str) -> None:
    recorded = dict(pair.split("=", 1) for pair in recorded_cookies.split("; "))
    access = player.gate.access
    own = {"xsrf-token": access.tokens.issue("tok+en="), "session-auth": access.sessions.issue("session")}
    for name, text in own.items():
        player.own.learn(recorded[name], quote(text, safe=""))
        if unquote(recorded[name]) != recorded[name]:
            player.own.learn(unquote(recorded[name]), text)


def test_asking_for_a_nonce_without_a_password_is_never_answered():
    async def ask() -> None:
        call = Call("GET", "/login.cgi", {"get-nonce": "1"}, host="127.0.0.1")
        await asyncio.wait_for(build_gate("")(call), 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(ask())


def test_a_restart_forgets_tokens_and_sessions():
    player = Player(build_gate())
    for line in read_lines(RELEASE, "login-and-logout"):
        if line["note"] == "unknown session":
            break
        player.play(line)
    player.gate.access.restart()
    headers = {"cookie": "xsrf-token=" + next(iter(player.own.given.values()))}
    assert asyncio.run(player.gate(Call("GET", "/api/v1/backups", headers=headers, host="localhost"))).status == 400
