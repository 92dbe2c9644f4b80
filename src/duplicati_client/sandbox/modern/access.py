"""Who is let in on a modern server, and in which order it checks; logging in itself is in `logins`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..clock import Clock
from ..release import Release
from ..web.serve import Call, Handler, Refusal, Reply, Router, Upgrade, empty_reply, envelope_error_reply, error_reply
from .logins import TEMPORARY_FAMILY, Logins, PasswordHolder, Rules
from .tokens import ACCESS, SINGLE, BadToken

KNOWN_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "localhost.localdomain"})
OPEN_ROUTES = frozenset(
    {
        "/api/v1/auth/login",
        "/api/v1/auth/signin",
        "/api/v1/auth/refresh",
        "/api/v1/auth/refresh/logout",
        "/api/v1/auth/issuesignintoken",
        "/api/v1/auth/status",
        "/health",
        "/notifications",
        "/",
    }
)
SINGLE_OPERATION_ROUTES = {"/api/v1/backup/{id}/export": "export", "/api/v1/bugreport/{id}": "bugreport"}


class Identity(NamedTuple):
    """What the authentication step made of a call: let in, or the challenge that a protected route answers with."""

    is_known: bool
    challenge: str | None = "Bearer"


class Access:
    """The gate in front of the modern API: token, then host name, then pre-shared key (2.3.1.0 probes:17, auth:34)."""

    def __init__(self, release: Release, rules: Rules, holder: PasswordHolder, clock: Clock) -> None:
        self.release = release
        self.rules = rules
        self.clock = clock
        self.allowed_hostnames: tuple[str, ...] = rules.allowed_hostnames
        self.logins = Logins(release, rules, holder, clock)

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """List the endpoints under `auth/` of this release."""
        if not self.release.has_auth_status:
            return self.logins.routes()
        return {**self.logins.routes(), ("POST", "/api/v1/auth/status"): self.tell_status}

    async def tell_status(self, call: Call) -> Reply:
        """Answer `auth/status`, the one call that says whether a token still works."""
        return self.logins.status_reply(is_known=self.identify(call).is_known)

    def restart(self) -> None:
        """Forget what only lives as long as the server: that a forever token was given."""
        self.logins.is_forever_token_issued = False

    def read_hostnames(self, setting: str | None) -> None:
        """Take the allowed names of the setting, as a server does once, when it starts."""
        self.allowed_hostnames = (*self.rules.allowed_hostnames, *filter(None, (setting or "").split(";")))

    def identify(self, call: Call) -> Identity:
        """Tell who calls; raises Refusal (empty 500) for a token of a revoked login (2.3.1.0 auth:53, 54)."""
        header = call.headers.get("authorization", "")
        scheme, _, value = header.partition(" ")
        if self.release.has_auth_status:
            if scheme == "PreAuth":
                return Identity(value in self.rules.preauth_tokens, None)
            if not header and call.query.get("token") in self.rules.preauth_tokens:
                return Identity(True)
        if scheme.lower() != "bearer":
            return Identity(False)
        return self._identify_bearer(value.strip())

    def _identify_bearer(self, token: str) -> Identity:
        try:
            claims = self.logins.signer.read(token, ACCESS)
        except BadToken as bad:
            detail = f', error_description="{bad.description}"' if bad.description else ""
            return Identity(False, f'Bearer error="invalid_token"{detail}')
        self.require_family(claims)
        return Identity(True)

    def require_family(self, claims: dict[str, Any]) -> None:
        """Refuse a token whose login was ended; the fixed family is never looked up."""
        family_id = claims.get("fam")
        if family_id != TEMPORARY_FAMILY and family_id not in self.logins.families:
            raise Refusal(empty_reply(500))

    def is_host_allowed(self, host: str) -> bool:
        """Tell whether a Host header is accepted: loopback names, address literals and the configured list."""
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        allowed = {entry.lower() for entry in self.allowed_hostnames}
        if "*" in allowed or name.lower() in KNOWN_HOSTS | allowed:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def check_filters(self, call: Call) -> None:
        """Refuse a host name that is not allowed, then a wrong pre-shared key."""
        if not self.is_host_allowed(call.host):
            name = call.host.rpartition(":")[0] or call.host
            text = f"Invalid hostname: {name}"
            is_v2 = call.path.lower().startswith("/api/v2/")
            raise Refusal(envelope_error_reply(text, "HTTP-403") if is_v2 else error_reply(403, text))
        key = self.rules.pre_shared_key
        if key and call.headers.get("x-duplicati-presharedkey") != key:
            raise Refusal(Reply(403, (("Content-Type", "text/plain"),), b"Invalid PreSharedKey"))

    def check_single_operation(self, call: Call, operation: str) -> None:
        """Refuse a download without its token: empty 400 without one, 500 with a bad one (2.3.1.0 backups:118, 119)."""
        token = call.query.get("token")
        if token is None:
            raise Refusal(empty_reply(400))
        try:
            claims = self.logins.signer.read(token, SINGLE)
        except BadToken:
            raise Refusal(error_reply(500, "An error occurred")) from None
        if claims.get("sop") != operation:
            raise Refusal(error_reply(500, "An error occurred"))


class Gate:
    """A modern server's face: routes, checks and answers every call."""

    def __init__(self, access: Access, router: Router) -> None:
        self.access = access
        self.router = router

    async def __call__(self, call: Call) -> Reply | Upgrade:
        """Answer one call."""
        try:
            identity = self.access.identify(call)
            handler, call = self._route(call, identity)
            return await handler(call)
        except Refusal as refusal:
            return refusal.reply

    def _route(self, call: Call, identity: Identity) -> tuple[Handler, Call]:
        found = self.router.find(call.method, call.path)
        if found is None:
            raise Refusal(empty_reply(404))
        if found.handler is None:
            raise Refusal(empty_reply(405, [("Allow", ", ".join(found.verbs))]))
        call = call._replace(parts=found.parts)
        operation = SINGLE_OPERATION_ROUTES.get(found.template)
        is_open = found.template in OPEN_ROUTES or operation is not None
        # The names of the command line are the one listing that needs no login (2.3.1.0 probes:13).
        is_open = is_open or (call.method, found.template) == ("GET", "/api/v1/commandline")
        if not (is_open or identity.is_known):
            headers = [("WWW-Authenticate", identity.challenge)] if identity.challenge else []
            raise Refusal(empty_reply(401, headers))
        if found.template.startswith("/api/"):
            self.access.check_filters(call)
        if operation is not None:
            self.access.check_single_operation(call, operation)
        return found.handler, call
