"""Who is let in on a legacy server: host name, XSRF token, login by nonce, session cookie; in that order."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import quote, unquote

from ..clock import Clock
from ..modern.logins import read_cookies
from ..web.serve import Call, Handler, Refusal, Reply, Upgrade
from .replies import NOT_CACHED, bare, marked_json, no_such_page, page, read_form

KNOWN_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "localhost.localdomain"})
TOKEN_SECONDS = 600
SESSION_SECONDS = 3600
NONCE_SECONDS = 600
TOKENS_MAX = 500
NONCES_MAX = 50
HANGING_SECONDS = 600
HOST_REFUSED = "The host header sent by the client is not allowed"
FILE_AT = ("Last-modified", "Tue, 07 May 2024 12:00:00 GMT")


class Settings(Protocol):
    """What a legacy server's checks ask of the settings store."""

    def get(self, name: str) -> str | None:
        """Return a value; None when it is not set."""
        ...


class Tickets:
    """Random texts that are good for a while; using one makes it good for a while again."""

    def __init__(self, clock: Clock, lifetime_seconds: float) -> None:
        self._clock = clock
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._ends: dict[str, datetime] = {}

    def issue(self, text: str) -> str:
        """Make `text` good from now on."""
        self._ends[text] = self._clock.now() + self._lifetime
        return text

    def is_good(self, text: str | None) -> bool:
        """Tell whether `text` was issued and has not expired."""
        return text is not None and self._ends.get(text, self._clock.now()) > self._clock.now()

    def drop(self, text: str) -> None:
        """Make `text` worthless."""
        self._ends.pop(text, None)

    def count(self) -> int:
        """Count what is still good."""
        now = self._clock.now()
        self._ends = {text: end for text, end in self._ends.items() if end > now}
        return len(self._ends)

    def cookie(self, name: str, text: str) -> tuple[str, str]:
        """Write the cookie of a ticket, renewed (2.0.8.1 first-contact:1)."""
        self.issue(text)
        expires = format_datetime(self._ends[text], usegmt=True)
        return "Set-Cookie", f"{name}={quote(text, safe='')}; expires={expires};path=/; "


class LegacyAccess:
    """The state behind a legacy server's checks; a restart loses all of it. `settings` is the server's own store."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.session_seconds: float = SESSION_SECONDS
        self.restart()

    def restart(self) -> None:
        """Forget tokens, nonces and sessions (2.0.8.1 restart-in-mid-run:760, 761)."""
        self.tokens = Tickets(self.clock, TOKEN_SECONDS)
        self.sessions = Tickets(self.clock, self.session_seconds)
        self.nonces = Tickets(self.clock, NONCE_SECONDS)

    @property
    def is_password_set(self) -> bool:
        """Tell whether calls need a session."""
        return bool(self.settings.get("server-passphrase"))

    def is_host_allowed(self, host: str) -> bool:
        """Tell whether a Host header is accepted; the list of names is read anew each time."""
        name = host.rpartition("]")[0].lstrip("[") or host.partition(":")[0]
        allowed = {entry for entry in (self.settings.get("allowed-hostnames") or "").lower().split(";") if entry}
        if "*" in allowed or name.lower() in KNOWN_HOSTS | allowed:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def session_of(self, call: Call, form: Mapping[str, str]) -> str | None:
        """Find the good session that a call carries in its cookie, form or query; None without one."""
        for text in (unquote(read_cookies(call).get("session-auth", "")), form.get("auth-token")):
            if self.sessions.is_good(text):
                return text
        return None

    def is_answer_right(self, nonce: str, answer: str) -> bool:
        """Check the answer to a nonce: SHA-256 over the nonce and the stored salted hash."""
        try:
            stored = base64.b64decode(self.settings.get("server-passphrase") or "", validate=True)
            given = base64.b64decode(answer, validate=True)
        except ValueError:
            return False
        return given == hashlib.sha256(base64.b64decode(nonce) + stored).digest()


class LegacyGate:
    """A legacy server's face: checks every call and gives those of the API to `api`."""

    def __init__(self, access: LegacyAccess, api: Handler) -> None:
        self.access = access
        self.api = api

    async def __call__(self, call: Call) -> Reply | Upgrade:
        """Answer one call."""
        if not self.access.is_host_allowed(call.host):
            return Reply(403, (("Content-Type", "text/plain"),), HOST_REFUSED.encode(), HOST_REFUSED)
        call = call._replace(method=call.headers.get("x-http-method-override", call.method).upper())
        cookies: dict[str, tuple[str, str]] = {}
        try:
            self._greet(call, cookies)
            reply = await self._answer(call, cookies)
        except Refusal as refusal:
            reply = refusal.reply
        if isinstance(reply, Upgrade):
            return reply
        return reply._replace(headers=(*reply.headers, *cookies.values()))

    def _greet(self, call: Call, cookies: dict[str, tuple[str, str]]) -> None:
        tokens = self.access.tokens
        if tokens.is_good(unquote(read_cookies(call).get("xsrf-token", ""))):
            return
        if tokens.count() > TOKENS_MAX:
            raise Refusal(bare(503, "Too Many Concurrent Request, try again later"))
        cookies["xsrf-token"] = tokens.cookie("xsrf-token", _random_text())

    async def _answer(self, call: Call, cookies: dict[str, tuple[str, str]]) -> Reply | Upgrade:
        path = call.path.lower()
        if path.startswith("/api/v1"):
            if not (call.method == "GET" and path.startswith("/api/v1/captcha/")):
                self._check(call, cookies)
            return await self.api(call)
        if path == "/login.cgi":
            return await self._log_in(call, cookies)
        if path == "/logout.cgi":
            self.access.sessions.drop(unquote(read_cookies(call).get("session-auth", "")))
            return bare(204, "OK")
        return self._show_page(call, cookies)

    def _check(self, call: Call, cookies: dict[str, tuple[str, str]]) -> None:
        form = read_form(call)
        token = call.headers.get("x-xsrf-token") or form.get("x-xsrf-token")
        if token is None or not self.access.tokens.is_good(token):
            raise Refusal(bare(400, "Missing XSRF Token. Please reload the page"))
        cookies["xsrf-token"] = self.access.tokens.cookie("xsrf-token", token)
        if not self.access.is_password_set:
            return
        session = self.access.session_of(call, form)
        if session is None:
            raise Refusal(bare(401, "Not logged in", [("Location", "login.html")]))
        cookies["session-auth"] = self.access.sessions.cookie("session-auth", session)

    def _show_page(self, call: Call, cookies: dict[str, tuple[str, str]]) -> Reply:
        path = call.path.lower()
        if path == "/login.html":
            return page("Log in with the command line.", caching=(("Cache-Control", "max-age=86400"), FILE_AT))
        if path == "/ngax/index.html":
            return page("There is no web interface here.", caching=(NOT_CACHED, FILE_AT))
        if path not in {"/", "/index.html"}:
            return no_such_page(call)
        if self.access.is_password_set:
            session = self.access.session_of(call, call.query)
            if session is None:
                return bare(302, "Redirect", [("location", "/login.html")])
            cookies["session-auth"] = self.access.sessions.cookie("session-auth", session)
        return page("There is no web interface here.", caching=(NOT_CACHED,))

    async def _log_in(self, call: Call, cookies: dict[str, tuple[str, str]]) -> Reply:
        form = read_form(call)
        if form.get("get-nonce"):
            return await self._give_nonce(cookies)
        answer = form.get("password")
        if not answer:
            return no_such_page(call)
        nonce = unquote(read_cookies(call).get("session-nonce", ""))
        is_open = self.access.nonces.is_good(nonce)
        self.access.nonces.drop(nonce)
        if not is_open or not self.access.is_answer_right(nonce, answer):
            return Reply(401, (("Content-Type", "application/json"),))
        session = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        cookies["session-auth"] = self.access.sessions.cookie("session-auth", session)
        return marked_json({"Status": "OK"})

    async def _give_nonce(self, cookies: dict[str, tuple[str, str]]) -> Reply:
        if self.access.nonces.count() > NONCES_MAX:
            return bare(503, "Too many active login attempts")
        try:
            base64.b64decode(self.access.settings.get("server-passphrase") or "!", validate=True)
        except ValueError:
            # A real server never answers here (2.0.8.1 no-password:808, 823).
            await asyncio.sleep(HANGING_SECONDS)
            return Reply(cut="before")
        nonce = _random_text()
        cookies["session-nonce"] = self.access.nonces.cookie("session-nonce", nonce)
        salt = self.access.settings.get("server-passphrase-salt")
        return marked_json({"Status": "OK", "Nonce": nonce, "Salt": salt})


def hash_password(password: str, salt: bytes) -> str:
    """Hash a password as the setting `server-passphrase` holds it."""
    return base64.b64encode(hashlib.sha256(password.encode() + salt).digest()).decode()


def _random_text() -> str:
    return base64.b64encode(os.urandom(32)).decode()
