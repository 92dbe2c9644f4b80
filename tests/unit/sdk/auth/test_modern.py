"""Sessions of the modern generation against a server that counts rotations."""

from __future__ import annotations

import threading

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer, Request
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.modern import ModernAccess
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.channel import Channel
from tests.fakes import Clock, FakeTransport, Reply, answer, html
from tests.modern_server import PASSWORD, ModernServer

URL = "http://127.0.0.1:8200"


class Setting:
    """A server, a client and their clocks; `spoil` may replace or follow what the server answers."""

    def __init__(self, *, password: str | None = PASSWORD, **server_options: object) -> None:
        self.server_clock, self.clock = Clock(), Clock()
        self.server = ModernServer(self.server_clock, **server_options)
        self.spoil = lambda request, reply: reply
        self.transport = FakeTransport(lambda request: self.spoil(request, self.server.reply(request)))
        self.store = MemorySessionStore()
        self.log_in_as(password)

    def log_in_as(self, password: str | None = None) -> None:
        self.channel = Channel(self.transport, Credentials(password=password), self.store)
        self.access = ModernAccess(self.transport, self.channel.credentials, self.store, clock=self.clock)
        self.channel._generation, self.channel._access = "modern", self.access

    def turn(self, seconds: float) -> None:
        self.clock.now += seconds
        self.server_clock.now += seconds

    def get(self) -> object:
        return self.channel.get("api/v1/serverstate", "the state")


def test_first_question_logs_in_once_and_asks_to_be_remembered() -> None:
    setting = Setting()
    assert setting.get() == {"ok": True}
    assert setting.get() == {"ok": True}
    assert setting.transport.asked == ["POST api/v1/auth/login"] + ["GET api/v1/serverstate"] * 2
    assert b'"RememberMe": true' in setting.transport.requests[0].body


def test_pair_and_token_are_kept_together() -> None:
    setting = Setting()
    setting.get()
    session = setting.store.load()
    assert (session.cookie_name, session.refresh_token) == ("RefreshToken_8200", "family1.100")
    assert session.refresh_nonce == "nonce.100"
    assert session.access_ends_at == setting.clock.now + 900


def test_token_is_renewed_before_it_expires() -> None:
    setting = Setting()
    setting.get()
    setting.turn(839)
    setting.get()
    assert setting.server.renewals_count == 0
    setting.turn(2)
    setting.get()
    assert setting.server.renewals_count == 1
    assert setting.transport.asked.count("GET api/v1/serverstate") == 3


def test_short_lived_token_is_not_renewed_at_every_question() -> None:
    setting = Setting(life_seconds=20)
    for _ in range(5):
        setting.get()
        setting.turn(1)
    assert setting.server.renewals_count == 0


def test_refused_token_is_renewed_once_and_the_question_sent_again() -> None:
    setting = Setting()
    setting.get()
    setting.server.expire()
    assert setting.get() == {"ok": True}
    assert setting.server.renewals_count == 1
    assert setting.server.logins_count == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_token_refused_again_after_renewal_is_not_renewed_twice(method: str) -> None:
    setting = Setting()
    setting.get()
    setting.spoil = lambda request, reply: reply if "auth" in request.path else answer(401)
    with pytest.raises(errors.SessionEnded):
        getattr(setting.channel, method)("api/v1/serverstate", "the state")
    assert setting.server.renewals_count == 1
    assert setting.server.logins_count == 1


def test_request_with_an_effect_is_sent_again_after_a_refused_login_only() -> None:
    setting = Setting()
    setting.get()
    setting.server.expire()
    setting.channel.post("api/v1/backup/1/run", "a run")
    assert setting.transport.asked.count("POST api/v1/backup/1/run") == 2
    setting.spoil = lambda request, reply: answer(500) if "run" in request.path else reply
    with pytest.raises(errors.ServerFailed):
        setting.channel.post("api/v1/backup/1/run", "a run")
    assert setting.transport.asked.count("POST api/v1/backup/1/run") == 3


def test_wrong_password_is_tried_once() -> None:
    setting = Setting(password="wrong")
    with pytest.raises(errors.LoginRefused) as caught:
        setting.get()
    assert setting.server.logins_count == 1
    assert "wrong" not in f"{caught.value.message} {caught.value.hint}"


def test_without_session_and_credentials_nothing_is_sent() -> None:
    setting = Setting(password=None)
    with pytest.raises(errors.LoginMissing):
        setting.get()
    assert setting.transport.requests == []


@pytest.mark.parametrize("loss", [errors.ConnectionLost("cut"), errors.DeadlineExceeded("late")])
def test_renewal_whose_answer_was_lost_is_sent_again_once_with_the_same_pair(loss: errors.DuplicatiClientError) -> None:
    setting = Setting()
    setting.get()
    setting.turn(850)
    losses = [loss]
    setting.spoil = lambda request, reply: losses.pop() if losses and request.path.endswith("refresh") else reply
    assert setting.get() == {"ok": True}
    assert setting.server.renewals_count == 2
    assert setting.server.thefts_count == 0
    assert setting.store.load().refresh_token == "family1.102"


def test_renewal_lost_twice_is_not_sent_a_third_time() -> None:
    """The server would take a third use of the same pair for theft and end the session."""
    setting = Setting()
    setting.get()
    setting.turn(850)
    setting.spoil = lambda request, reply: (
        errors.ConnectionLost("cut") if request.path.endswith("refresh") else reply
    )  # fmt: skip
    with pytest.raises(errors.ConnectionLost):
        setting.get()
    assert setting.transport.asked.count("POST api/v1/auth/refresh") == 2
    assert setting.server.thefts_count == 0
    assert setting.store.load() is not None


def test_revoked_session_without_password_ends_and_is_forgotten() -> None:
    """An access token of a revoked family gives an empty 500 (2.3.1.0 auth:53)."""
    setting = Setting()
    setting.get()
    setting.log_in_as(None)
    setting.server.revoke()
    with pytest.raises(errors.SessionEnded):
        setting.get()
    assert setting.store.load() is None


def test_revoked_session_with_password_is_replaced_by_a_new_login() -> None:
    setting = Setting()
    setting.get()
    setting.server.revoke()
    assert setting.get() == {"ok": True}
    assert setting.server.logins_count == 2


def test_single_empty_500_costs_a_renewal_and_not_the_session() -> None:
    """One poll of 2.1.0.5 gave an empty 500 for no reason (2.1.0.5 extra:30)."""
    setting = Setting()
    setting.get()
    spoilt = [answer(500)]
    setting.spoil = lambda request, reply: spoilt.pop() if spoilt and "auth" not in request.path else reply
    assert setting.get() == {"ok": True}
    assert setting.server.logins_count == 1


def test_empty_500_that_stays_is_a_failure_of_the_server_and_keeps_the_session() -> None:
    setting = Setting()
    setting.get()
    setting.spoil = lambda request, reply: reply if "auth" in request.path else answer(500)
    with pytest.raises(errors.ServerFailed):
        setting.get()
    assert setting.store.load() is not None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (html(401), errors.NotAllowed),
        (answer(401), errors.NotAllowed),
        (html(403), errors.NotAllowed),
        (html(502), errors.Unreachable),
        (answer(503), errors.Busy),
        (answer(500, {"Error": "An error occurred"}), errors.ServerFailed),
        (answer(302, headers=[("Location", "/login")]), errors.Redirected),
        (html(200), errors.NotDuplicati),
        (answer(200, b"{"), errors.NotUnderstood),
        (answer(200, {"AccessToken": None}), errors.NotUnderstood),
        (answer(200, {"AccessToken": "a\r\nb"}), errors.NotUnderstood),
    ],
)
def test_what_a_proxy_says_to_a_renewal_does_not_cost_the_session(
    reply: Answer, kind: type[errors.DuplicatiClientError]
) -> None:
    setting = Setting()
    setting.get()
    setting.turn(850)
    before = setting.store.load()
    setting.spoil = lambda request, found: reply if request.path.endswith("refresh") else found
    with pytest.raises(kind) as caught:
        setting.get()
    assert not isinstance(caught.value, errors.LoginRefused | errors.SessionEnded)
    assert setting.store.load() == before


def test_proxys_401_is_not_a_refused_session() -> None:
    setting = Setting()
    setting.get()
    setting.spoil = lambda request, reply: html(401)
    with pytest.raises(errors.NotAllowed) as caught:
        setting.get()
    assert type(caught.value) is errors.NotAllowed
    assert setting.transport.asked.count("POST api/v1/auth/refresh") == 0


def test_proxys_401_to_a_login_is_not_a_wrong_password() -> None:
    setting = Setting()
    setting.spoil = lambda request, reply: html(401)
    with pytest.raises(errors.NotAllowed) as caught:
        setting.get()
    assert not isinstance(caught.value, errors.LoginRefused)


@pytest.mark.parametrize("hours", [-30, -3, 3, 30])
def test_clock_that_is_hours_off_does_no_harm(hours: int) -> None:
    setting = Setting()
    setting.clock.now += hours * 3600
    for _ in range(5):
        assert setting.get() == {"ok": True}
        setting.turn(500)
    assert setting.server.thefts_count == 0
    assert setting.server.logins_count == 1
    assert setting.server.renewals_count <= 3


def test_clock_set_back_after_login_costs_one_refused_question() -> None:
    setting = Setting()
    setting.get()
    setting.clock.now -= 5 * 3600
    setting.turn(1000)
    assert setting.get() == {"ok": True}
    assert setting.server.renewals_count == 1


def test_quicker_process_has_renewed_already() -> None:
    setting = Setting()
    setting.get()
    used = setting.access.headers()
    setting.access.renew(used)
    setting.access.renew(used)
    assert setting.server.renewals_count == 1


def test_threads_renew_once() -> None:
    setting = Setting()
    setting.get()
    setting.server.expire()
    threads = [threading.Thread(target=setting.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert setting.server.renewals_count == 1
    assert setting.server.thefts_count == 0


def test_session_of_another_server_is_neither_sent_nor_renewed() -> None:
    setting = Setting()
    setting.store.save(Session("http://evil.example", "modern", access_token="hidden", access_ends_at=9e9,
                               cookie_name="RefreshToken_8200", refresh_token="hidden"))  # fmt: skip
    setting.get()
    assert "hidden" not in str(setting.transport.requests)
    assert setting.store.load().url == URL


def test_release_without_nonce_is_renewed_without_one() -> None:
    """2.1.0.5 has no nonce."""
    setting = Setting(has_nonce=False)
    setting.get()
    setting.turn(850)
    assert setting.get() == {"ok": True}
    assert setting.transport.requests[-2].body == b"{}"


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJleHAiOjFlOTk5LCJuYmYiOjB9.c"])
def test_token_whose_end_cannot_be_read_counts_as_living_a_quarter_of_an_hour(token: str) -> None:
    setting = Setting()
    setting.spoil = lambda request, reply: answer(200, {"AccessToken": token}) if "login" in request.path else reply
    setting.access.login()
    assert setting.store.load().access_ends_at == setting.clock.now + 900


# --- logging out --------------------------------------------------------------------------------------------


def test_logout_sends_the_pair_and_is_proven_by_its_refusal() -> None:
    setting = Setting()
    setting.get()
    assert setting.access.logout() is True
    assert setting.server.families == {}
    assert setting.store.load() is None
    assert setting.transport.asked[-2:] == ["POST api/v1/auth/refresh/logout", "POST api/v1/auth/refresh"]


def test_logout_that_did_nothing_is_done_again_with_the_new_pair() -> None:
    setting = Setting()
    setting.get()
    refusals = [answer(200, {"success": True})]

    def spoil(request: Request, reply: Reply) -> Reply:
        if request.path.endswith("logout") and refusals:
            setting.server.families["family1"] = (100, setting.server_clock.now)
            return refusals.pop()
        return reply

    setting.spoil = spoil
    assert setting.access.logout() is True
    assert setting.server.families == {}


def test_logout_that_the_server_does_not_prove_is_told() -> None:
    setting = Setting()
    setting.get()

    def keep_alive(request: Request, reply: Reply) -> Reply:
        if request.path.endswith("refresh"):
            setting.server.families.setdefault("family1", (100, 0.0))
            return setting.server._issue("family1")
        return reply

    setting.spoil = keep_alive
    assert setting.access.logout() is False
    assert setting.store.load() is None


def test_logout_without_session_asks_nothing() -> None:
    setting = Setting()
    assert setting.access.logout() is False
    assert setting.transport.requests == []


def test_logout_from_a_server_that_is_away_keeps_the_session_for_another_try() -> None:
    setting = Setting()
    setting.get()
    setting.spoil = lambda request, reply: errors.ConnectionRefused("away")
    with pytest.raises(errors.ConnectionRefused):
        setting.access.logout()
    assert setting.store.load() is not None


# --- other ways in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Credentials(preauth_token="abc_1234567"), "PreAuth abc_1234567"),
        (Credentials(forever_token="forever"), "Bearer forever"),
    ],
)
def test_token_given_by_a_person_is_sent_as_it_is_and_never_stored(credentials: Credentials, header: str) -> None:
    store = MemorySessionStore()
    transport = FakeTransport(lambda request: answer(401))
    channel = Channel(transport, credentials, store)
    channel._generation = "modern"
    with pytest.raises(errors.SessionEnded):
        channel.get("api/v1/serverstate", "the state")
    assert [request.headers["Authorization"] for request in transport.requests] == [header]
    assert store.load() is None


def test_signin_token_opens_a_session() -> None:
    setting = Setting()

    def reply(request: Request) -> Reply:
        if request.path == "api/v1/auth/signin":
            assert b'"SigninToken": "from the link"' in request.body
            return setting.server._log_in({"Password": PASSWORD})
        return setting.server.reply(request)

    transport = FakeTransport(reply)
    access = ModernAccess(transport, Credentials(signin_token="from the link"), setting.store, clock=setting.clock)
    assert access.headers()["Authorization"].startswith("Bearer h.")
    assert transport.asked == ["POST api/v1/auth/signin"]


def test_login_ends_the_session_that_was_stored() -> None:
    setting = Setting()
    setting.access.login()
    setting.access.login()
    assert (setting.server.logins_count, len(setting.server.families)) == (2, 1)
    assert setting.get() == {"ok": True}


def test_refused_login_leaves_the_stored_session_alive() -> None:
    setting = Setting()
    setting.access.login()
    setting.log_in_as("wrong")
    with pytest.raises(errors.LoginRefused):
        setting.access.login()
    assert setting.get() == {"ok": True}
    assert len(setting.server.families) == 1


def test_former_session_that_cannot_be_ended_does_not_fail_the_login() -> None:
    setting = Setting()
    setting.access.login()

    def cut(request: Request, reply: Reply) -> Reply:
        return errors.ConnectionLost("cut") if request.path.endswith("logout") else reply

    setting.spoil = cut
    setting.access.login()
    assert setting.get() == {"ok": True}


def test_credentials_do_not_show_in_their_repr() -> None:
    assert "hidden" not in repr(Credentials(password="hidden", forever_token="hidden"))
