"""The layers of login and permission: with what is stored or given and nothing else, and never more than once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ... import errors
from ...http import Request
from ...sdk.auth.probe import Probed
from ...sdk.channel import Channel
from .identity import tell_release
from .report import Refused

if TYPE_CHECKING:
    from .visit import Visit

_STATE_BYTES = 1024 * 1024
# A path that means nothing: whoever lets the request through answers 404 (2.3.1.0 probes:5), and nothing is changed.
_NOWHERE = "api/v1/nowhere"


def walk(visit: Visit, probed: Probed) -> Channel | None:
    """Get in and read something; None where there is nothing to get in with. Raises `Refused`."""
    case = visit.case
    stored = case.server.session
    if stored is not None and stored.generation != probed.generation:
        message = f"the stored session is one of the {stored.generation} generation: the server was changed since"
        raise Refused("login", errors.SessionEnded(message, hint=f"log in again: duplicati login {case.url}"))
    channel = Channel(visit.transport, case.server.channel.credentials, case.server.channel.store)
    if not _log_in(visit, channel):
        return None
    _read_something(visit, channel)
    return channel


def _log_in(visit: Visit, channel: Channel) -> bool:
    before = len(visit.transport.exchanges)
    try:
        with channel.discreet():
            channel.access.headers()
    except errors.LoginMissing as exc:
        if visit.case.is_login_expected:
            raise Refused("login", exc) from exc
        visit.findings.skipped("login", "not tried: nothing to log in with", f"duplicati login {visit.case.url}")
        visit.findings.skipped("permission", "not tried without a login")
        return False
    except errors.DuplicatiClientError as exc:
        raise Refused("login", exc, _tell_last(visit, before)) from exc
    asked = {exchange.asked for exchange in visit.transport.exchanges[before:]}
    visit.findings.passed("login", _tell_way_in(visit, asked))
    return True


def _tell_way_in(visit: Visit, asked: set[str]) -> str:
    if asked & {"POST api/v1/auth/login", "POST login.cgi"}:
        return "the password is accepted"
    if "POST api/v1/auth/signin" in asked:
        return "the sign-in token is accepted"
    if "POST api/v1/auth/refresh" in asked:
        return "the stored session was renewed"
    session = visit.case.server.session
    if session is not None and session.is_without_password:
        return "this server wants no password"
    return "with the stored session" if visit.has_stored_session else "with the token given"


def _read_something(visit: Visit, channel: Channel) -> None:
    before = len(visit.transport.exchanges)
    try:
        channel.get("api/v1/serverstate", "the server's state", max_bytes=_STATE_BYTES)
        system = channel.system
    except errors.SessionEnded as exc:
        raise Refused("login", exc, _tell_last(visit, before)) from exc
    except errors.DuplicatiClientError as exc:
        raise Refused("permission", exc, _tell_last(visit, before)) from exc
    visit.findings.passed("permission", "the server's state can be read")
    tell_release(visit, system.release, system.version)
    if system.server_time_at is not None:
        visit.server_clock = (system.server_time_at.timestamp(), visit.transport.exchanges[-1].answered_at)
    if not visit.is_legacy:
        _try_methods(visit)


def _try_methods(visit: Visit) -> None:
    """Find out whether something in front lets only reading through."""
    blocked: dict[str, int | str] = {}
    for method in ("PUT", "PATCH", "DELETE"):
        status = _try_method(visit, method)
        if status in (None, 403, 405, 501):
            blocked[method] = status or "connection lost"
    if blocked:
        told = ", ".join(f"{method} ({_tell_refusal(refusal)})" for method, refusal in blocked.items())
        hint = "let GET, POST, PUT, PATCH and DELETE through to /api"
        message = f"can be read, but something in front of the server stops {told}: nothing can be changed"
        visit.findings.warn("permission", "read-only", message, hint, blocked=blocked)


def _try_method(visit: Visit, method: str) -> int | None:
    """Return the status; None where the connection is lost on a kept connection and on a new one as well."""
    for _ in range(2):  # who refuses often hangs up as well, and the next request finds the connection dead
        with suppress(errors.ConnectionLost):
            return visit.transport.send(Request(method, _NOWHERE, deadline_seconds=15.0)).status
    return None


def _tell_refusal(refusal: int | str) -> str:
    return f"status {refusal}" if isinstance(refusal, int) else refusal


def _tell_last(visit: Visit, before: int) -> dict[str, Any]:
    exchanges = visit.transport.exchanges
    return exchanges[-1].tell() if len(exchanges) > before else {}
