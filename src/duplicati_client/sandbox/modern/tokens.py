"""JSON web tokens as the modern servers sign them (HS256); who may do what with one is decided in `access`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from ..clock import Clock

AUTHORITY = "https://duplicati"
ACCESS, REFRESH, SIGNIN, SINGLE = "AccessToken", "RefreshToken", "SigninToken", "SingleOperationToken"
HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()


class BadToken(Exception):
    """A token that is refused; `description` is what the server says about it, or None."""

    def __init__(self, description: str | None = None, *, is_expired: bool = False) -> None:
        super().__init__(description or "invalid token")
        self.description = description
        self.is_expired = is_expired


def hash_nonce(nonce: str) -> str:
    """Hash a refresh nonce for its token; one round, because the sandbox guards nothing."""
    return _encode(hashlib.sha256(nonce.encode()).digest())


class Signer:
    """Issues and reads tokens with one key; another key makes all tokens unknown."""

    def __init__(self, key: str, clock: Clock, *, skew_seconds: float = 5) -> None:
        self.key = key
        self.clock = clock
        self.skew_seconds = skew_seconds

    def issue(self, kind: str, lifetime_seconds: float, **claims: Any) -> str:
        """Issue a token; times are whole seconds, so two of the same second and claims are equal (2.3.1.0 auth:47)."""
        now = int(self.clock.now().timestamp())
        payload = {"typ": kind, **claims, "nbf": now, "exp": now + int(lifetime_seconds)}
        payload |= {"iss": AUTHORITY, "aud": AUTHORITY}
        signed = f"{HEADER}.{_encode(json.dumps(payload, separators=(',', ':')).encode())}"
        return f"{signed}.{self._sign(signed)}"

    def read(self, token: str, kind: str) -> dict[str, Any]:
        """Return the claims of a valid token of this kind; raises BadToken with the server's own words."""
        signed, _, signature = token.rpartition(".")
        payload = _read_payload(signed)
        if not hmac.compare_digest(signature.encode(), self._sign(signed).encode()):
            raise BadToken("The signature key was not found")
        if payload["exp"] + self.skew_seconds < self.clock.now().timestamp():
            ended_at = datetime.fromtimestamp(payload["exp"], UTC)
            raise BadToken(f"The token expired at '{ended_at:%m/%d/%Y %H:%M:%S}'", is_expired=True)
        if payload["typ"] != kind:
            raise BadToken
        return payload

    def _sign(self, signed: str) -> str:
        return _encode(hmac.digest(self.key.encode(), signed.encode(), "sha256"))


def _read_payload(signed: str) -> dict[str, Any]:
    _, _, encoded = signed.partition(".")
    try:
        payload = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        raise BadToken from None
    if not isinstance(payload, dict) or not {"typ", "exp"} <= payload.keys():
        raise BadToken
    return payload


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
