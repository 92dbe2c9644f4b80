"""The tokens of a modern server in miniature: families, rotation with its grace, theft, expiry; counted for tests."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from duplicati_client.http import Answer, Request
from tests.fakes import answer
from tests.loopback import Loopback, Peer, message

PASSWORD = "correct horse"
COOKIE = re.compile(r"RefreshToken_8200=([^;]+)")


class ModernServer:
    """Answers requests like a server of 2.2 and later; `clock` is its own clock in epoch seconds."""

    def __init__(self, clock: Callable[[], float], *, life_seconds: float = 900.0, has_nonce: bool = True) -> None:
        self.clock = clock
        self.life_seconds = life_seconds
        self.has_nonce = has_nonce
        self.password = PASSWORD
        self.families: dict[str, tuple[int, float]] = {}
        self.tokens: dict[str, tuple[str, float]] = {}
        self.logins_count = self.renewals_count = self.thefts_count = 0
        self._serial = 0

    def reply(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path == "api/v1/auth/login":
            return self._log_in(json.loads(request.body or b"{}"))
        if path == "api/v1/auth/refresh":
            return self._refresh(request)
        if path == "api/v1/auth/refresh/logout":
            pair = self._read_pair(request)
            if pair is not None:
                self.families.pop(pair[0], None)
            return answer(200, {"success": True})
        return self._check(request) or self.content(request)

    def content(self, request: Request) -> Answer:
        """What a request with a good token gets."""
        if request.path.startswith("api/v1/systeminfo"):
            return answer(200, {"ServerVersion": "2.3.1.0"})
        return answer(200, {"ok": True})

    def revoke(self) -> None:
        """End every family: its access tokens give an empty 500 from now on."""
        self.families.clear()

    def expire(self) -> None:
        """End every access token, as by time."""
        self.tokens = {token: (family, 0.0) for token, (family, _) in self.tokens.items()}

    def _check(self, request: Request) -> Answer | None:
        sent = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
        family, ends_at = self.tokens.get(sent.removeprefix("Bearer "), ("", 0.0))
        if ends_at <= self.clock():
            return answer(401, headers=[("WWW-Authenticate", 'Bearer error="invalid_token"' if sent else "Bearer")])
        return answer(500) if family not in self.families else None

    def _log_in(self, body: dict[str, Any]) -> Answer:
        self.logins_count += 1
        if body.get("Password") != self.password:
            return answer(401, {"Error": "Failed to log in", "Code": 401})
        self._serial += 1
        family = f"family{self._serial}"
        self.families[family] = (100, self.clock())
        return self._issue(family)

    def _refresh(self, request: Request) -> Answer:
        pair = self._read_pair(request)
        if pair is None or pair[0] not in self.families:
            return answer(401, {"Error": "Failed to refresh token", "Code": 401})
        family, counter = pair
        stored, updated_at = self.families[family]
        is_grace = stored - counter == 1 and self.clock() - updated_at <= 30
        if stored != counter and not is_grace:
            self.thefts_count += 1
            del self.families[family]
            return answer(401, {"Error": "Failed to refresh token", "Code": 401})
        self.renewals_count += 1
        self.families[family] = (stored + 1, self.clock())
        return self._issue(family)

    def _read_pair(self, request: Request) -> tuple[str, int] | None:
        found = COOKIE.search({name.lower(): value for name, value in request.headers.items()}.get("cookie", ""))
        if found is None:
            return None
        family, _, counter = found[1].partition(".")
        nonce = json.loads(request.body or b"{}").get("Nonce")
        return (family, int(counter)) if not self.has_nonce or nonce == f"nonce.{counter}" else None

    def _issue(self, family: str) -> Answer:
        self._serial += 1
        counter = self.families[family][0]
        claims = {"nbf": self.clock(), "exp": self.clock() + self.life_seconds, "n": self._serial}
        token = f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"
        self.tokens[token] = (family, self.clock() + self.life_seconds)
        body = {"AccessToken": token} | ({"RefreshNonce": f"nonce.{counter}"} if self.has_nonce else {})
        cookie = f"RefreshToken_8200={family}.{counter}; path=/api/v1/auth/refresh; httponly"
        return answer(200, body, headers=[("Set-Cookie", "other=1"), ("Set-Cookie", cookie)])


def over_sockets(server: ModernServer) -> Loopback:
    """Serve it on loopback."""

    def handle(peer: Peer) -> None:
        while True:
            head, body = peer.read_request()
            if not head:
                return
            first, *lines = head.split("\r\n")
            method, target, _ = first.split(" ")
            pairs = (line.partition(": ") for line in lines)
            reply = server.reply(Request(method, target[1:], {name: value for name, _, value in pairs}, body))
            headers = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
            peer.send(message(reply.body, status=f"{reply.status} X", headers=headers))

    return Loopback(handle)
