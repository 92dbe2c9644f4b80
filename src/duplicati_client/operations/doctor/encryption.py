"""The layer of TLS: what the certificate says, why it is refused, and which of http and https is spoken at the port."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ... import errors
from ...http import ConnectionSettings, Request
from ...route import is_loopback
from ...tls import fingerprint
from .certificate import read_certificate
from .report import Refused

if TYPE_CHECKING:
    from .visit import Visit

_SOON_DAYS = 21
_SECONDS_FOR_A_LOOK = 5.0


def tell(visit: Visit) -> None:
    """Tell of a TLS connection that was made, or of none."""
    findings, origin = visit.findings, visit.origin
    if not origin.is_https:
        if is_loopback(origin.host):
            findings.skipped("tls", "none, and none needed: plain HTTP within this machine")
        else:
            hint = "https:// if the server has a certificate, else a tunnel or a proxy with one"
            message = "none: passwords and everything else can be read on the way"
            findings.warn("tls", "plain-http", message, hint)
        return
    seen = next((sighting for sighting in visit.sightings if sighting.layer == "tls"), None)
    if seen is None:
        findings.passed("tls", "encrypted")
        return
    evidence = {"version": seen.detail["version"], "took_ms": round(seen.took_ms, 1)}
    evidence |= describe(seen.detail["certificate"] or b"")
    findings.passed("tls", f"{seen.detail['version']}, {_summarise(evidence)}", **evidence)
    _warn_of_trust(visit, evidence)


def find_refusal(visit: Visit, error: errors.DuplicatiClientError) -> Refused:
    """Add to a failed handshake what a second look shows: the certificate, or that no TLS is spoken there."""
    if isinstance(error, errors.CertificateRefused):
        evidence = _fetch_certificate(visit)
        _sharpen_hint(error, evidence)
        return Refused("tls", error, evidence)
    is_open = isinstance(error, errors.TlsFailed) and not isinstance(error, errors.TlsTooOld)
    if is_open and visit.transport.proxy is None and _answers_plainly(visit):
        url = visit.origin._replace(is_https=False).url
        host, port = visit.origin.host, visit.origin.port
        message = f"plain HTTP is spoken at {host} port {port}, and https:// was asked for"
        return Refused("tls", errors.SchemeWrong(message, hint=f"use {url}"))
    return Refused("tls", error)


def wants_https(visit: Visit) -> errors.SchemeWrong:
    """Return the refusal of a server that speaks TLS and was asked without."""
    origin = visit.origin
    message = f"HTTPS is spoken at {origin.host} port {origin.port}, and http:// was asked for"
    return errors.SchemeWrong(message, hint=f"use {origin._replace(is_https=True).url}")


def describe(der: bytes) -> dict[str, Any]:
    """Return what a certificate says of itself, as evidence."""
    if not der:
        return {}
    found = read_certificate(der)
    if found is None:
        return {"sha256": fingerprint(der)}
    return {
        "subject": found.subject,
        "names": list(found.names),
        "issuer": found.issuer,
        "begins_at": found.begins_at,
        "ends_at": found.ends_at,
        "sha256": fingerprint(der),
    }


def _summarise(evidence: dict[str, Any]) -> str:
    subject = evidence.get("subject") or "a certificate"
    return f"{subject}, until {evidence['ends_at']:%Y-%m-%d}" if "ends_at" in evidence else str(subject)


def _warn_of_trust(visit: Visit, evidence: dict[str, Any]) -> None:
    settings, findings = visit.case.connection, visit.findings
    if settings.is_insecure and settings.pin_sha256 is None:
        hint = f"--pin {evidence.get('sha256', 'SHA256')}, if that is the certificate of your server"
        findings.warn("tls", "not-verified", "the certificate is not verified: --insecure", hint)
    if "ends_at" not in evidence:
        return
    days = (evidence["ends_at"] - datetime.fromtimestamp(visit.case.clock(), UTC)).days
    if days < 0:
        findings.warn("tls", "certificate-expired", "the certificate has ended", "renew it on the server")
    elif days < _SOON_DAYS:
        message = f"the certificate ends in {days} days" if days != 1 else "the certificate ends in 1 day"
        findings.warn("tls", "certificate-ends-soon", message, "renew it on the server")


def _fetch_certificate(visit: Visit) -> dict[str, Any]:
    """Shake hands once more without judging, to see what was refused; nothing is sent through that connection."""
    settings = visit.case.connection._replace(is_insecure=True, pin_sha256=None)
    found = visit.peek(visit.origin, settings)
    if found is None:
        return {}
    with found:
        getpeercert = getattr(found, "getpeercert", None)
        return describe(getpeercert(binary_form=True) or b"") if getpeercert is not None else {}


def _sharpen_hint(error: errors.CertificateRefused, evidence: dict[str, Any]) -> None:
    """Put what was seen into the advice."""
    pin = evidence.get("sha256")
    names = ", ".join(evidence.get("names", [])[:3]) or evidence.get("subject")
    if isinstance(error, errors.CertificateNameWrong) and names:
        error.hint = f"it is for {names}: use such a name" + (f", or trust this one with --pin {pin}" if pin else "")
    elif isinstance(error, errors.CertificateIssuerUnknown) and pin:
        issuer = evidence.get("issuer") or "whoever signed it"
        error.hint = f"give the authority ({issuer}) with --ca-file FILE, or trust this one with --pin {pin}"
    elif isinstance(error, errors.CertificateExpired) and "ends_at" in evidence:
        error.message += f" (valid {evidence['begins_at']:%Y-%m-%d} to {evidence['ends_at']:%Y-%m-%d})"


def _answers_plainly(visit: Visit) -> bool:
    """Say whether HTTP without TLS is answered at that port; none of the person's headers goes with the question."""
    transport = visit.look_at(visit.origin._replace(is_https=False), ConnectionSettings(proxy_url=""))
    try:
        transport.send(Request("GET", "health", deadline_seconds=_SECONDS_FOR_A_LOOK))
    except errors.DuplicatiClientError:
        return False
    finally:
        transport.close()
    return True
