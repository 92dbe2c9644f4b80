"""Sessions of the legacy generation: token, nonce, session cookie, and what idle minutes take away."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, Request
from duplicati_client.sdk.auth import legacy
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.legacy import LegacyAccess
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel
from tests.fakes import FakeTransport, answer, html

RECORDINGS = Path(__file__).parents[3] / "recordings" / "2.0.8.1"
NONCE, SALT = "bm9uY2U=", "c2FsdA=="
XSRF_REASON = "Missing XSRF Token. Please reload the page"


class LegacyServer:
    """The access checks of 2.0.8 in miniature; tokens and sessions end when a test says so."""

    def __init__(self, *, password: str | None = "correct horse") -> None:
        self.password = password
        self.tokens: set[str] = set()
        self.sessions: set[str] = set()
        self.nonces: set[str] = set()
        self.logins_count = 0
        self._serial = 0

    def reply(self, request: Request) -> Answer:
        cookies = dict(
            part.split("=", 1) for part in request.headers.get("Cookie", "").split("; ") if "=" in part
        )  # fmt: skip
        if request.path == "login.cgi":
            return self._log_in(parse_qs((request.body or b"").decode()), cookies)
        if request.path == "logout.cgi":
            self.sessions.discard(cookies.get("session-auth", ""))
            return answer(204)
        is_in = self.password is None or cookies.get("session-auth") in self.sessions
        if request.path == "":
            new = [("Set-Cookie", f"xsrf-token={quote(self._new(self.tokens), safe='')}; path=/; ")]
            return (
                answer(200, b"<!DOCTYPE HTML>", headers=new) if is_in else answer(302, headers=new, reason="Redirect")
            )
        if request.headers.get("X-XSRF-Token") not in self.tokens:
            new = [("Set-Cookie", f"xsrf-token={quote(self._new(self.tokens), safe='')}; path=/; ")]
            return answer(400, reason=XSRF_REASON, headers=new)
        return answer(200, b'\xef\xbb\xbf{"ok": true}') if is_in else answer(401, reason="Not logged in")

    def _new(self, among: set[str]) -> str:
        self._serial += 1
        among.add(f"a/b+{self._serial}=")
        return f"a/b+{self._serial}="

    def _log_in(self, form: dict[str, list[str]], cookies: dict[str, str]) -> Answer:
        assert self.password is not None, "a server without a password never answers this"
        if unquote(cookies.get("xsrf-token", "")) not in self.tokens:
            self._new(self.tokens)
        if "get-nonce" in form:
            cookie = f"session-nonce={quote(self._new(self.nonces), safe='')}; path=/; "
            return answer(200, {"Status": "OK", "Nonce": NONCE, "Salt": SALT}, headers=[("Set-Cookie", cookie)])
        self.logins_count += 1
        if form["password"] != [legacy._prove(self.password, NONCE, SALT)] or "session-nonce" not in cookies:
            return answer(401, reason="Unauthorized")
        return answer(200, {"Status": "OK"}, headers=[("Set-Cookie", f"session-auth={self._new(self.sessions)}")])


class Setting:
    def __init__(self, *, password: str | None = "correct horse", server: LegacyServer | None = None) -> None:
        self.server = server or LegacyServer()
        self.spoil = lambda request, reply: reply
        self.transport = FakeTransport(lambda request: self.spoil(request, self.server.reply(request)))
        self.store = MemorySessionStore()
        self.channel = Channel(self.transport, Credentials(password=password), self.store)
        self.access = LegacyAccess(self.transport, self.channel.credentials, self.store)
        self.channel._generation, self.channel._access = "legacy", self.access

    def get(self) -> object:
        return self.channel.get("api/v1/serverstate", "the state")


def test_proof_of_the_password_is_the_recorded_one() -> None:
    lines = map(json.loads, (RECORDINGS / "login-and-logout.jsonl").read_text().splitlines())
    by_seq = {line["seq"]: line for line in lines}
    nonce = by_seq[35]["response"]["body"]["json"]
    sent = parse_qs(by_seq[36]["request"]["body"])["password"]
    assert sent == [legacy._prove("correct horse", nonce["Nonce"], nonce["Salt"])]


def test_first_question_fetches_a_token_and_logs_in_by_nonce() -> None:
    setting = Setting()
    assert setting.get() == {"ok": True}
    assert setting.get() == {"ok": True}
    assert setting.transport.asked[:4] == ["GET ", "POST login.cgi", "POST login.cgi", "GET api/v1/serverstate"]
    assert len(setting.transport.requests) == 5


def test_login_takes_one_of_the_few_tokens_that_a_server_has() -> None:
    setting = Setting()
    setting.get()
    assert len(setting.server.tokens) == 1


def test_password_itself_is_never_sent() -> None:
    setting = Setting()
    setting.get()
    assert "correct" not in str(setting.transport.requests)


def test_server_without_password_is_never_asked_for_a_nonce() -> None:
    """It would not answer at all (2.0.8.1 no-password:808)."""
    setting = Setting(server=LegacyServer(password=None))
    assert setting.get() == {"ok": True}
    assert "POST login.cgi" not in setting.transport.asked


def test_token_that_ended_is_replaced_and_the_session_kept() -> None:
    setting = Setting()
    setting.get()
    setting.server.tokens.clear()
    assert setting.get() == {"ok": True}
    assert setting.server.logins_count == 1


def test_session_that_ended_is_replaced_by_a_new_login() -> None:
    setting = Setting()
    setting.get()
    setting.server.sessions.clear()
    assert setting.get() == {"ok": True}
    assert setting.server.logins_count == 2


def test_session_that_ended_without_a_password_at_hand_is_told_and_forgotten() -> None:
    setting = Setting()
    setting.get()
    later = Setting(password=None, server=setting.server)
    later.store.save(setting.store.load())
    setting.server.sessions.clear()
    with pytest.raises(errors.SessionEnded):
        later.get()
    assert later.store.load() is None


def test_missing_password_is_told_before_a_login() -> None:
    with pytest.raises(errors.LoginMissing):
        Setting(password=None).get()


def test_wrong_password_is_tried_once() -> None:
    setting = Setting(password="wrong")
    with pytest.raises(errors.LoginRefused):
        setting.get()
    assert setting.server.logins_count == 1


def test_login_refused_again_after_a_new_one_is_not_repeated_for_ever() -> None:
    setting = Setting()
    setting.get()
    setting.spoil = lambda request, reply: answer(401) if request.path.startswith("api") else reply
    with pytest.raises(errors.SessionEnded):
        setting.get()
    assert setting.server.logins_count == 1
    assert len([line for line in setting.transport.asked if "serverstate" in line]) == 3


def test_request_with_an_effect_is_sent_again_only_when_access_was_refused() -> None:
    setting = Setting()
    setting.get()
    setting.server.tokens.clear()
    setting.channel.post("api/v1/backup/1/run", "a run")
    assert setting.transport.asked.count("POST api/v1/backup/1/run") == 2
    setting.spoil = lambda request, reply: answer(401, {"Error": "Missing captcha"}, reason="Missing captcha")
    with pytest.raises(errors.NotAllowed, match="captcha"):
        setting.channel.delete("api/v1/backup/1", "a removal")
    assert setting.transport.asked.count("DELETE api/v1/backup/1") == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(503, reason="Too many active login attempts"), errors.Busy),
        (html(502), errors.Unreachable),
        (answer(200, {"Status": "OK"}), errors.NotUnderstood),
        (answer(200, {"Nonce": "?", "Salt": "?"}, headers=[("Set-Cookie", "session-nonce=x")]), errors.NotUnderstood),
    ],
)
def test_login_that_cannot_be_made_is_no_wrong_password(reply: Answer, kind: type[Exception]) -> None:
    setting = Setting()
    setting.spoil = lambda request, found: reply if request.path == "login.cgi" else found
    with pytest.raises(kind):
        setting.get()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (html(200), errors.NotUnderstood),
        (answer(302, headers=[("Location", "http://portal.example")]), errors.Redirected),
        (answer(503, reason="Too Many Concurrent Request, try again later"), errors.Overloaded),
        (answer(403, b"The host header sent by the client is not allowed"), errors.HostNameNotAllowed),
        (answer(200, headers=[("Set-Cookie", "xsrf-token=a%0d%0aX-Evil%3a1")]), errors.NotUnderstood),
    ],
)
def test_front_page_that_gives_no_token_is_explained(reply: Answer, kind: type[Exception]) -> None:
    setting = Setting()
    setting.spoil = lambda request, found: reply
    with pytest.raises(kind):
        setting.get()


def test_logout_is_proven_by_the_front_page_even_when_the_token_has_ended() -> None:
    setting = Setting()
    setting.get()
    setting.server.tokens.clear()
    assert setting.access.logout() is True
    assert setting.server.sessions == set()
    assert setting.store.load() is None


def test_logout_that_changes_nothing_is_told() -> None:
    setting = Setting()
    setting.get()
    kept = set(setting.server.sessions)
    setting.spoil = lambda request, reply: (setting.server.sessions.update(kept), reply)[1]
    assert setting.access.logout() is False


def test_logout_from_a_server_without_password_has_nothing_to_end() -> None:
    setting = Setting(server=LegacyServer(password=None))
    setting.get()
    assert setting.access.logout() is True
    assert setting.store.load() is None


def test_login_starts_anew_whatever_is_stored() -> None:
    setting = Setting()
    setting.get()
    setting.access.login()
    assert setting.server.logins_count == 2


def test_login_ends_the_session_that_was_stored() -> None:
    setting = Setting()
    setting.access.login()
    setting.access.login()
    assert (setting.server.logins_count, len(setting.server.sessions)) == (2, 1)
    assert setting.get() == {"ok": True}


def test_session_of_another_server_is_not_sent() -> None:
    setting = Setting()
    setting.store.save(Session("http://evil.example", "legacy", xsrf_token="hidden", session_token="hidden"))
    setting.get()
    assert "hidden" not in str(setting.transport.requests)
