"""The layers that say which Duplicati it is and whom it lets speak: generation, release, host name, pre-shared key."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from ... import errors
from ...http import Answer, Request
from ...sdk.auth.probe import LEGACY, Probed
from ...sdk.refusals import explain
from .report import Refused
from .stranger import explain_host, wants_basic

if TYPE_CHECKING:
    from .visit import Visit

_KEY_HEADER = "x-duplicati-presharedkey"
# No token at all, and harmless: a modern server calls it invalid if it arrives (2.3.1.0 probes:19), and else nothing.
_NO_TOKEN = {"Authorization": "Bearer none"}

# What a release is known for and a person should know, by the first release that is free of it (tests/recordings).
_KNOWN = (
    ((2, 1), "its task list calls every run completed, also failed and aborted ones; sessions end after an idle hour"),
    ((2, 2), "its task list calls every run completed, and an aborted run leaves no trace in its log"),
    ((2, 3), "it shows the passphrases of backups in clear to whoever is logged in"),
)


def walk(visit: Visit, probed: Probed) -> None:
    """Tell what can be known without a login; raises `Refused`."""
    visit.is_legacy = probed.generation == LEGACY
    if visit.is_legacy:
        _walk_legacy(visit, probed)
    else:
        _walk_modern(visit)


def tell_release(visit: Visit, release: tuple[int, ...], version: str) -> None:
    """Tell the exact release, once a login has shown it."""
    visit.findings.passed("release", version, version=version)
    for free, known in _KNOWN:
        if release < free:
            hint = "update the server when you can"
            visit.findings.warn("release", "known-behaviour", f"{version}: {known}", hint)
            return


def _walk_legacy(visit: Visit, probed: Probed) -> None:
    """A host name that is not allowed has been refused with the first answer already (2.0.8.1 first-contact:13)."""
    findings = visit.findings
    findings.passed("duplicati", "a Duplicati server, with the interface of 2.0", generation=LEGACY)
    findings.passed("release", "2.0; the exact release is told after a login")
    findings.passed("host-name", f"{visit.origin.host} is allowed")
    findings.skipped("preshared-key", "2.0 knows none")
    token = probed.xsrf_token or ""
    headers = {"X-XSRF-Token": unquote(token), "Cookie": f"xsrf-token={token}"}
    answer = visit.transport.send(Request("GET", "api/v1/serverstate", headers, deadline_seconds=15.0))
    if answer.status == 400 and "XSRF" in answer.reason:
        raise Refused("login", _header_stripped("X-XSRF-Token or Cookie"), _last(visit))


def _walk_modern(visit: Visit) -> None:
    findings = visit.findings
    findings.passed("duplicati", "a Duplicati server, with the interface of 2.1 and later", generation="modern")
    answer = visit.transport.send(Request("POST", "api/v1/auth/status", deadline_seconds=15.0))
    visit.has_subscriptions = answer.status == 200
    # 2.1 has no such path (2.1.0.5 auth:40); the one listing that needs no login meets the same filters.
    if answer.status == 404:
        answer = visit.transport.send(Request("GET", "api/v1/commandline", deadline_seconds=15.0))
    since = "2.2 or later" if visit.has_subscriptions else "2.1"
    findings.passed("release", f"{since}; the exact release is told after a login")
    if answer.status != 200:
        raise _explain_filter(visit, answer)
    findings.passed("host-name", f"{visit.origin.host} is allowed")
    has_key = any(name.lower() == _KEY_HEADER for name in visit.transport.headers)
    findings.passed("preshared-key", "the one given is accepted, or none is wanted" if has_key else "none is wanted")
    _find_stripped_header(visit)


def _explain_filter(visit: Visit, answer: Answer) -> Refused:
    error = explain(answer, "the question whether it lets us in")
    if isinstance(error, errors.HostNameNotAllowed):
        return Refused("host-name", explain_host(visit, answer), _last(visit))
    if isinstance(error, errors.PresharedKeyRefused):
        error.hint = (
            "give it with --header-file (X-Duplicati-PreSharedKey=…); a Duplicati agent makes a new key at each start "
            "unless it has --disable-pre-shared-key"
        )
        return Refused("preshared-key", error, _last(visit))
    if answer.status in (403, 405, 501):
        message = f"something in front of the server lets no POST through (status {answer.status})"
        hint = "let GET, POST, PUT, PATCH and DELETE through to /api"
        return Refused("permission", errors.NotAllowed(message, hint=hint), _last(visit))
    layer = "http" if isinstance(error, errors.NotAllowed | errors.Unreachable) else "duplicati"
    return Refused(layer, error, _last(visit))


def _find_stripped_header(visit: Visit) -> None:
    answer = visit.transport.send(Request("GET", "api/v1/backups", _NO_TOKEN, deadline_seconds=15.0))
    challenge = (answer.header("WWW-Authenticate") or "").strip().lower()
    if answer.status == 401 and challenge == "bearer":
        raise Refused("login", _header_stripped("Authorization"), _last(visit))
    if answer.status == 401 and challenge.startswith("basic"):  # it let us through as long as we had no token
        raise Refused("login", wants_basic(), _last(visit))


def _header_stripped(name: str) -> errors.HeaderStripped:
    return errors.HeaderStripped(
        f"the header {name} does not reach the server: a proxy in between takes it away",
        hint=f"let the proxy pass {name} on to /api, or ask the server directly",
    )


def _last(visit: Visit) -> dict[str, object]:
    return visit.transport.exchanges[-1].tell()
