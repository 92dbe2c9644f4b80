"""Cookies of the legacy generation (2.0.x): XSRF token, nonce login, session; logout that is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, unquote, urlencode

from ... import errors
from ...http import Answer, Request, Transport
from .. import answers
from ..refusals import explain
from .credentials import Credentials
from .probe import LEGACY, read_cookie
from .store import Session, SessionStore, load_own

_TOKEN = re.compile(r"[\x21-\x7e]+")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class LegacyAccess:
    """Puts cookies and the XSRF header on each request; a server without a password needs only the latter."""

    def __init__(self, transport: Transport, credentials: Credentials, store: SessionStore) -> None:
        self._transport = transport
        self._credentials = credentials
        self._store = store

    def headers(self) -> Mapping[str, str]:
        """Return what a request needs, logging in first if nothing is stored."""
        session = self._load()
        if session is None or session.xsrf_token is None:
            with self._store.lock():
                session = self._enter()
        return _headers(session)

    def renew(self, used: Mapping[str, str]) -> bool:
        """Get a new XSRF token after a 400, and a new session after a 401; raises `SessionEnded`."""
        with self._store.lock():
            session = self._load()
            if session is None or _headers(session) == used:
                self._enter()
        return True

    def login(self) -> None:
        """Log in with the password and end what session is stored; without a password this only fetches the token."""
        with self._store.lock():
            former = self._load()
            self._enter(is_anew=True)
            if former is not None and former.session_token is not None:
                with suppress(errors.DuplicatiClientError):  # nobody here knows it any more
                    self._transport.send(Request("GET", "logout.cgi", _headers(former), deadline_seconds=10.0))

    def logout(self) -> bool:
        """End the session, and say whether that is proven: the front page must want a login again, if it ever did."""
        with self._store.lock():
            session = self._load()
            has_ended = session is not None and self._end(session)
            self._store.clear()
        return has_ended

    def _end(self, session: Session) -> bool:
        if session.is_without_password:
            return True
        self._transport.send(Request("GET", "logout.cgi", _headers(session)))
        answer = self._ask_front_page(session.session_token)
        if read_cookie(answer, "xsrf-token") is None:  # whatever else answers with 302 proves nothing
            raise _explain_missing_token(answer, session.url)
        return answer.status == 302

    def _load(self) -> Session | None:
        return load_own(self._store, self._transport.base_url, LEGACY)

    def _ask_front_page(self, session_token: str | None) -> Answer:
        return self._transport.send(
            Request("GET", "", {"Cookie": f"session-auth={session_token}"} if session_token else {})
        )

    def _enter(self, *, is_anew: bool = False) -> Session:
        """Fetch an XSRF token, keep the session if it still lives, else log in (API reference, 8.3 and 8.4)."""
        self._store.reserve()
        stored = None if is_anew else self._load()
        session_token = stored.session_token if stored else None
        answer = self._ask_front_page(session_token)
        xsrf_token = read_cookie(answer, "xsrf-token")
        if xsrf_token is None or not _TOKEN.fullmatch(unquote(xsrf_token)):
            raise _explain_missing_token(answer, self._transport.base_url)
        url = self._transport.base_url
        session = Session(url, LEGACY, xsrf_token=unquote(xsrf_token), session_token=session_token)
        # The front page redirects to the login page exactly when a password is wanted and no session is held.
        if answer.status == 302:
            session = self._log_in(session, had_session=session_token is not None)
        self._store.save(session)
        return session

    def _log_in(self, session: Session, *, had_session: bool) -> Session:
        password = self._credentials.password
        if password is None:
            if had_session:
                self._store.clear()
            kind = errors.SessionEnded if had_session else errors.LoginMissing
            raise kind(f"{session.url} wants a login", hint=f"duplicati login {session.url}")
        cookies = _write_xsrf(session.xsrf_token or "")
        answer = self._post_login({"get-nonce": "1"}, cookies)
        nonce_cookie = read_cookie(answer, "session-nonce")
        if answer.status != 200 or nonce_cookie is None:
            raise explain(answer, "a nonce")
        raw = answers.decode(answer, "the nonce")
        proof = _prove(password, answers.text(raw, "Nonce"), answers.text(raw, "Salt"))
        answer = self._post_login({"password": proof}, f"{cookies}; session-nonce={nonce_cookie}")
        session_token = read_cookie(answer, "session-auth")
        if answer.status == 200 and session_token is None:
            answers.decode(answer, "the answer to the login")  # a page of something else is no wrong password
            raise errors.NotUnderstood("the answer to the login holds no session")
        if answer.status not in (200, 401):
            raise explain(answer, "the login")
        if answer.status != 200 or session_token is None:
            hint = f"duplicati login {session.url}"
            raise errors.LoginRefused(f"{session.url} refuses this password", hint=hint)
        return session._replace(session_token=session_token)

    def _post_login(self, form: Mapping[str, str], cookies: str) -> Answer:
        # A deadline matters here: without a password set the server never answers (2.0.8.1 no-password:808).
        # Without its token it would hand out another one, of which it has 500 in ten minutes (2.0.8.1 limits:828).
        body, headers = urlencode(form).encode(), {**_FORM, "Cookie": cookies}
        return self._transport.send(Request("POST", "login.cgi", headers, body, deadline_seconds=15.0))


def _explain_missing_token(answer: Answer, url: str) -> errors.DuplicatiClientError:
    if answer.status >= 300:
        return explain(answer, "a token")
    hint = f"if the server was upgraded, log in again: duplicati login {url}"
    return errors.NotUnderstood(f"{url} gives no token, as a server of release 2.0 should", hint=hint)


def _headers(session: Session) -> Mapping[str, str]:
    token = session.xsrf_token or ""
    cookies = _write_xsrf(token)
    if session.session_token:
        cookies += f"; session-auth={session.session_token}"
    return {"X-XSRF-Token": token, "Cookie": cookies}


def _write_xsrf(token: str) -> str:
    return f"xsrf-token={quote(token, safe='')}"


def _prove(password: str, nonce: str, salt: str) -> str:
    """Return what shows the knowledge of the password without sending it (API reference, 8.4)."""
    from base64 import b64decode, b64encode  # noqa: PLC0415 - only at a login
    from hashlib import sha256  # noqa: PLC0415

    try:
        salted = sha256(password.encode() + b64decode(salt, validate=True)).digest()
        return b64encode(sha256(b64decode(nonce, validate=True) + salted).digest()).decode()
    except ValueError as exc:
        raise errors.NotUnderstood("the server's nonce cannot be read") from exc
