"""Tokens of the modern generation (2.1 and later): login, renewal with rotation, logout that is checked."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ... import errors
from ...http import Answer, Request, Transport
from .. import answers
from ..refusals import explain
from .credentials import Credentials
from .probe import MODERN
from .store import Session, SessionStore, load_own

_RENEW_BEFORE_END_SECONDS = 60.0
_REFRESH_SECONDS = 10.0
_DEFAULT_LIFE_SECONDS = 15 * 60.0
_LONGEST_LIFE_SECONDS = 20 * 365 * 86400.0
_COOKIE = re.compile(r"RefreshToken_[0-9]{1,5}")


class ModernAccess:
    """Puts a token on each request and renews it; safe between threads and, through the store, between processes."""

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        store: SessionStore,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._store = store
        self._clock = clock

    def headers(self) -> Mapping[str, str]:
        """Return what a request needs, logging in or renewing first if need be."""
        if self._credentials.preauth_token is not None:
            return {"Authorization": f"PreAuth {self._credentials.preauth_token}"}
        if self._credentials.forever_token is not None:
            return _bearer(self._credentials.forever_token)
        session = self._load()
        if session is None or not self._is_fresh(session):
            session = self._renew(session.access_token if session else None)
        return _bearer(session.access_token)

    def renew(self, used: Mapping[str, str]) -> bool:
        """Replace the token that was just refused; False where nothing can replace it. Raises `SessionEnded`."""
        if self._is_token_given:
            return False
        self._renew(used.get("Authorization", "").removeprefix("Bearer "))
        return True

    def login(self) -> None:
        """Log in with the credentials and end what session is stored; raises `LoginMissing`, `LoginRefused`."""
        if self._is_token_given:
            return
        with self._store.lock():
            former = self._load()
            self._log_in()
            if former is not None and former.refresh_token is not None:
                request = _pair_request("api/v1/auth/refresh/logout", former)
                with suppress(errors.DuplicatiClientError):  # nobody here knows it any more
                    self._transport.send(request._replace(deadline_seconds=_REFRESH_SECONDS))

    def logout(self) -> bool:
        """End the session on the server, and say whether that is proven: its own pair must be refused afterwards."""
        with self._store.lock():
            session = self._load()
            has_ended = session is not None and self._end(session)
            self._store.clear()
        return has_ended

    @property
    def _is_token_given(self) -> bool:
        """Say whether the person brought a token that is used as it is, without a session."""
        return self._credentials.preauth_token is not None or self._credentials.forever_token is not None

    def _load(self) -> Session | None:
        return load_own(self._store, self._transport.base_url, MODERN)

    def _is_fresh(self, session: Session) -> bool:
        if session.access_token is None:
            return False
        margin_seconds = min(_RENEW_BEFORE_END_SECONDS, _read_life_seconds(session.access_token) / 10)
        return session.access_ends_at - self._clock() > margin_seconds

    def _renew(self, refused_token: str | None) -> Session:
        with self._store.lock():
            session = self._load()
            if session is not None and session.access_token != refused_token and self._is_fresh(session):
                return session  # another process was quicker
            if session is not None and session.refresh_token is not None:
                self._store.reserve()
                answer = self._refresh(session)
                if answer.status == 200:
                    return self._keep(answer)
                if not _is_refusal(answer):
                    raise explain(answer, "the renewal of the session")
                self._store.clear()
            if self._credentials.password is not None or self._credentials.signin_token is not None:
                return self._log_in()
            url = self._transport.base_url
            if session is None:
                raise errors.LoginMissing(f"no session for {url}", hint=f"duplicati login {url}")
            raise errors.SessionEnded(f"the session for {url} has ended", hint=f"duplicati login {url}")

    def _refresh(self, session: Session) -> Answer:
        """Send the pair; exactly once more if the answer was lost.

        The server takes an old pair for 30 s if it is the last one; the one before that is theft to it, and ends the
        session (API reference, 2.4).
        """
        request = _pair_request("api/v1/auth/refresh", session)._replace(deadline_seconds=_REFRESH_SECONDS)
        try:
            return self._transport.send(request)
        except (errors.ConnectionLost, errors.DeadlineExceeded):
            return self._transport.send(request)

    def _log_in(self) -> Session:
        request = self._login_request()
        self._store.reserve()
        answer = self._transport.send(request)
        if answer.status == 200:
            return self._keep(answer)
        raise _explain_refusal(answer, self._transport.base_url)

    def _login_request(self) -> Request:
        # Without RememberMe 2.1.0.5 gives no cookie, and the others one of two hours.
        body: dict[str, Any] = {"RememberMe": True}
        if self._credentials.password is not None:
            path, body["Password"] = "api/v1/auth/login", self._credentials.password
        elif self._credentials.signin_token is not None:
            path, body["SigninToken"] = "api/v1/auth/signin", self._credentials.signin_token
        else:
            raise errors.LoginMissing(f"no password or token for {self._transport.base_url}")
        return Request("POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _keep(self, answer: Answer) -> Session:
        raw = answers.mapping(answers.decode(answer, "the answer to the login"), "the answer to the login")
        token = answers.text_or_none(raw, "AccessToken")
        if token is None or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise errors.NotUnderstood("the answer to the login holds no token")
        cookie = _read_refresh_cookie(answer)
        session = Session(
            url=self._transport.base_url,
            generation=MODERN,
            access_token=token,
            access_ends_at=self._clock() + _read_life_seconds(token),
            cookie_name=cookie[0] if cookie else None,
            refresh_token=cookie[1] if cookie else None,
            refresh_nonce=answers.text_or_none(raw, "RefreshNonce"),
        )
        self._store.save(session)
        return session

    def _end(self, session: Session) -> bool:
        if session.refresh_token is None:
            return False
        for _ in range(2):
            self._transport.send(_pair_request("api/v1/auth/refresh/logout", session))
            answer = self._refresh(session)  # the server says success in any case (2.3.1.0 auth:56-58)
            if _is_refusal(answer):
                return True
            if answer.status == 500 and not answer.body:
                return False
            if answer.status != 200:  # something in between has answered, and the session lives on
                raise explain(answer, "the logout")
            session = self._keep(answer)
        return False


def _pair_request(path: str, session: Session) -> Request:
    """Return a request that carries cookie and nonce; 2.1 has no nonce."""
    headers = {"Content-Type": "application/json", "Cookie": f"{session.cookie_name}={session.refresh_token}"}
    body = {"Nonce": session.refresh_nonce} if session.refresh_nonce else {}
    return Request("POST", path, headers, json.dumps(body).encode())


def _is_refusal(answer: Answer) -> bool:
    """Say whether the server itself refuses a pair; a proxy's 401 must not cost the session."""
    return answer.status == 401 and b'"Error"' in answer.body


def _bearer(token: str | None) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read_refresh_cookie(answer: Answer) -> tuple[str, str] | None:
    """The name is the server's (it carries the port of the Host header), so it is read, never made."""
    for header in answer.headers_named("Set-Cookie"):
        name, _, value = header.partition(";")[0].partition("=")
        if _COOKIE.fullmatch(name.strip()) and re.fullmatch(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+", value.strip()):
            return name.strip(), value.strip()
    return None


def read_end_at(token: str) -> float | None:
    """Return when a token says that it ends, in epoch seconds of the server's clock, or None."""
    times = _read_times(token)
    return times[1] if times is not None and 0 < times[1] - times[0] < _LONGEST_LIFE_SECONDS else None


def _read_life_seconds(token: str) -> float:
    """How long a token lives by its own two times, so that clocks which disagree do no harm."""
    times = _read_times(token)
    life = times[1] - times[0] if times is not None else 0
    return life if 0 < life < _LONGEST_LIFE_SECONDS else _DEFAULT_LIFE_SECONDS


def _read_times(token: str) -> tuple[float, float] | None:
    """Return when a token begins and ends; nothing else in it is believed or looked at."""
    import binascii  # noqa: PLC0415 - only at a login or renewal

    try:
        part = token.split(".")[1]
        claims = json.loads(binascii.a2b_base64(part.replace("-", "+").replace("_", "/") + "=="))
        return float(claims.get("nbf") or claims["iat"]), float(claims["exp"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _explain_refusal(answer: Answer, url: str) -> errors.DuplicatiClientError:
    if _is_refusal(answer):
        return errors.LoginRefused(f"{url} refuses this password or token", hint="duplicati login " + url)
    return explain(answer, "the login")
