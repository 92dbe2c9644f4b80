"""The `auth/*` endpoints of the modern API: logins, token families, refresh, logout; who is let in is in `access`."""

from __future__ import annotations

import base64
import hmac
import os
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple, Protocol

from ..clock import Clock
from ..release import Release
from ..web.serve import Call, Handler, Refusal, Reply, empty_reply, error_reply, json_reply, read_members
from .tokens import ACCESS, REFRESH, SIGNIN, SINGLE, BadToken, Signer, hash_nonce

TEMPORARY_FAMILY = "temporary"
REMEMBERED_SECONDS = 30 * 86_400
SHORT_SECONDS = 120 * 60
GRACE_SECONDS = 30
FOREVER_SECONDS = 10 * 365 * 86_400
DELETED_AT = datetime(1970, 1, 1, tzinfo=UTC)
REFRESH_PATH = "/api/v1/auth/refresh"


class Rules(NamedTuple):
    """How a server was started, as far as it decides who gets in."""

    allowed_hostnames: tuple[str, ...] = ()
    preauth_tokens: tuple[str, ...] = ()
    pre_shared_key: str = ""
    enables_forever_token: bool = False
    disables_signin_tokens: bool = False
    access_token_seconds: float = 900
    clock_skew_seconds: float = 5


class Family(NamedTuple):
    """One login: the counter that its newest refresh token carries, and when that was issued."""

    counter: int
    updated_at: datetime


class PasswordHolder(Protocol):
    """Whatever holds the server's one password, in plain text: the sandbox guards nothing."""

    password: str


class Logins:
    """Everything under `auth/`, and the state behind it: signing key, families, password."""

    def __init__(self, release: Release, rules: Rules, holder: PasswordHolder, clock: Clock) -> None:
        self.release = release
        self.rules = rules
        self.clock = clock
        self.holder = holder
        self.signer = Signer(_random_text(), clock, skew_seconds=rules.clock_skew_seconds)
        self.families: dict[str, Family] = {}
        self.is_forever_token_issued = False

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """List the endpoints of this release."""
        paths: dict[str, Handler] = {
            "login": self.log_in,
            "signin": self.sign_in,
            "refresh": self.refresh,
            "refresh/logout": self.log_out,
            "issuesignintoken": self.issue_signin_token,
            "issuetoken/{operation}": self.issue_single_token,
            "issue-forever-token": self.issue_forever_token,
        }
        return {("POST", f"/api/v1/auth/{path}"): handler for path, handler in paths.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return what outlives the server's process: signing key and families."""
        families = {name: [family.counter, family.updated_at.isoformat()] for name, family in self.families.items()}
        return {"key": self.signer.key, "families": families}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `as_dict` returned."""
        self.signer.key = state["key"]
        self.families = {
            name: Family(counter, datetime.fromisoformat(updated_at))
            for name, (counter, updated_at) in state["families"].items()
        }

    def reset_key(self) -> None:
        """Make a new signing key and forget all families, which ends every session (2.3.1.0 extra:50, 51)."""
        self.signer.key = _random_text()
        self.families.clear()

    async def log_in(self, call: Call) -> Reply:
        """Answer `auth/login`."""
        members = read_members(call)
        password = _text(members, "password")
        is_remembered = _flag(members, "rememberme")
        if not self._is_password(password):
            raise Refusal(error_reply(401, "Failed to log in"))
        return self._begin_session(call, "webserver", is_remembered=is_remembered)

    async def sign_in(self, call: Call) -> Reply:
        """Answer `auth/signin`; a signin token works again and again until it expires (2.3.1.0 auth:65, 66)."""
        members = read_members(call)
        token, is_remembered = _text(members, "signintoken"), _flag(members, "rememberme")
        self._require_signin_tokens()
        try:
            claims = self.signer.read(token or "", SIGNIN)
        except BadToken as bad:
            text = "Signin token expired" if bad.is_expired else "Failed to sign in"
            raise Refusal(error_reply(401, text)) from None
        return self._begin_session(call, claims["sid"], is_remembered=is_remembered)

    async def refresh(self, call: Call) -> Reply:
        """Answer `auth/refresh`: rotate the pair, or end the login when an old pair comes back too late."""
        nonce = None
        if self.release.has_refresh_nonce:
            nonce = _text(read_members(call, is_required=False), "nonce")
        cookie = read_cookies(call).get(cookie_name(call.host))
        if cookie is None:
            raise Refusal(error_reply(401, "Authorization failed due to missing cookie."))
        claims = self._read_refresh(cookie, nonce)
        family_id = claims["fam"]
        family = self.families[family_id]
        self._require_current(family_id, family.counter - int(claims["cnt"]), family.updated_at)
        self.families[family_id] = Family(family.counter + 1, self.clock.now())
        lifetime_seconds = claims["exp"] - claims["nbf"]
        return self._answer_session(call, family_id, claims["sid"], lifetime_seconds)

    async def log_out(self, call: Call) -> Reply:
        """Answer `auth/refresh/logout`: always success, even where nothing was ended (2.3.1.0 auth:56-60)."""
        nonce = None
        if self.release.has_refresh_nonce:
            nonce = _text(read_members(call, is_required=False), "nonce")
        name = cookie_name(call.host)
        cookie = read_cookies(call).get(name)
        if cookie is not None:
            with suppress(Refusal):
                del self.families[self._read_refresh(cookie, nonce)["fam"]]
        deleting = f"{name}=; expires={format_datetime(DELETED_AT, usegmt=True)}; path=/"
        return json_reply({"success": True}, headers=[("Set-Cookie", deleting)])

    async def issue_signin_token(self, call: Call) -> Reply:
        """Answer `auth/issuesignintoken`."""
        password = _text(read_members(call), "password")
        self._require_signin_tokens()
        if not self._is_password(password):
            raise Refusal(error_reply(401, "Incorrect password"))
        return json_reply({"Token": self.signer.issue(SIGNIN, 300, sid="web-api")})

    async def issue_single_token(self, call: Call) -> Reply:
        """Answer `auth/issuetoken/{operation}`; the operation's case matters (2.3.1.0 auth:72)."""
        operation = call.parts["operation"]
        known = {"export", "bugreport"} | ({"websocket"} if self.release.has_subscriptions else set())
        if operation not in known:
            raise Refusal(error_reply(400, "Invalid operation"))
        return json_reply({"Token": self.single_token(operation)})

    async def issue_forever_token(self, call: Call) -> Reply:
        """Answer `auth/issue-forever-token`: once in a server's life (2.3.1.0 extra:41, 42)."""
        if not self.rules.enables_forever_token:
            raise Refusal(error_reply(401, "Forever tokens are not enabled"))
        if self.is_forever_token_issued:
            text = "Cannot generate multiple forever tokens, restart the server to generate a new one"
            raise Refusal(error_reply(401, text))
        self.is_forever_token_issued = True
        token = self.signer.issue(ACCESS, FOREVER_SECONDS, sid="forever-token", fam=TEMPORARY_FAMILY)
        return json_reply({"AccessToken": token} | ({"RefreshNonce": None} if self.release.has_refresh_nonce else {}))

    def single_token(self, operation: str) -> str:
        """Issue a token for one kind of download or for the socket; valid for a minute, reusable."""
        return self.signer.issue(SINGLE, 60, sid="web-api", sop=operation)

    def status_reply(self, *, is_known: bool) -> Reply:
        """Answer `auth/status`."""
        if not is_known:
            return json_reply({"authorized": False, "message": "Not authorized"})
        token = self.single_token("websocket")
        return json_reply({"authorized": True, "message": "Authorized", "socketToken": token})

    def _is_password(self, text: str | None) -> bool:
        return bool(text) and hmac.compare_digest((text or "").encode(), self.holder.password.encode())

    def _require_signin_tokens(self) -> None:
        if self.rules.disables_signin_tokens:
            raise Refusal(error_reply(401, "Signin tokens are disabled"))

    def _read_refresh(self, cookie: str, nonce: str | None) -> dict[str, Any]:
        refused = Refusal(error_reply(401, "Failed to refresh token"))
        try:
            claims = self.signer.read(cookie, REFRESH)
        except BadToken:
            raise refused from None
        if self.release.has_refresh_nonce and (nonce is None or hash_nonce(nonce) != claims["nce"]):
            raise refused
        if claims["fam"] not in self.families:
            raise refused
        return claims

    def _require_current(self, family_id: str, difference: int, updated_at: datetime) -> None:
        age_seconds = (self.clock.now() - updated_at).total_seconds()
        if difference == 0 or (difference == 1 and age_seconds <= GRACE_SECONDS):
            return
        del self.families[family_id]
        raise Refusal(error_reply(401, "Failed to refresh token"))

    def _begin_session(self, call: Call, user_id: str, *, is_remembered: bool) -> Reply:
        if not is_remembered and not self.release.has_refresh_nonce:
            # 2.1.0.5 gives no refresh pair to a login that is not to be remembered (2.1.0.5 auth:25, 32).
            access = self._access_token(user_id, TEMPORARY_FAMILY)
            return json_reply({"AccessToken": access})
        family_id = _random_text()
        self.families[family_id] = Family(random.randrange(1024), self.clock.now())  # noqa: S311 - no secret
        return self._answer_session(call, family_id, user_id, REMEMBERED_SECONDS if is_remembered else SHORT_SECONDS)

    def _answer_session(self, call: Call, family_id: str, user_id: str, lifetime_seconds: float) -> Reply:
        claims: dict[str, Any] = {"sid": user_id, "fam": family_id, "cnt": str(self.families[family_id].counter)}
        claims["iat"] = str(self.clock.now().timestamp())
        answer = {"AccessToken": self._access_token(user_id, family_id)}
        if self.release.has_refresh_nonce:
            nonce = _random_text()
            claims["nce"] = hash_nonce(nonce)
            answer["RefreshNonce"] = nonce
        token = self.signer.issue(REFRESH, lifetime_seconds, **claims)
        return json_reply(answer, headers=[("Set-Cookie", self._write_cookie(call.host, token))])

    def _access_token(self, user_id: str, family_id: str) -> str:
        return self.signer.issue(ACCESS, self.rules.access_token_seconds, sid=user_id, fam=family_id)

    def _write_cookie(self, host: str, token: str) -> str:
        ends_at = self.clock.now() + timedelta(seconds=REMEMBERED_SECONDS)
        domain = host if host.endswith("]") else host.rpartition(":")[0] or host
        return (
            f"{cookie_name(host)}={token}; expires={format_datetime(ends_at, usegmt=True)}; domain={domain}; "
            f"path={REFRESH_PATH}; samesite=strict; httponly"
        )


def cookie_name(host: str) -> str:
    """Name the refresh cookie after the port of the Host header, `0` without one (2.3.1.0 auth:35-38)."""
    port = "" if host.endswith("]") else host.rpartition(":")[2] if ":" in host else ""
    return f"RefreshToken_{port or 0}"


def read_cookies(call: Call) -> dict[str, str]:
    """Read the Cookie header; values are taken as they are."""
    pairs = (pair.strip().partition("=") for pair in call.headers.get("cookie", "").split(";"))
    return {name: value for name, _, value in pairs if name}


def _random_text() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal(empty_reply(400))
    return value


def _flag(members: Mapping[str, Any], name: str) -> bool:
    value = members.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refusal(empty_reply(400))
    return bool(value)
