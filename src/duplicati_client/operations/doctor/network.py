"""The layers below Duplicati: name, TCP, proxy, TLS, HTTP; seen while the client's own transport makes its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import errors
from ...http import ConnectionSettings
from ...route import Sighting, in_brackets, is_address
from ...sdk.auth.probe import Probed, probe
from . import encryption, stranger
from .report import Refused

if TYPE_CHECKING:
    from .visit import Visit


def walk(visit: Visit) -> Probed:
    """Send the first request, tell of each layer it passed, and return what answered; raises `Refused`."""
    try:
        probed = probe(visit.transport)
    except errors.DuplicatiClientError as exc:
        refused = _find_refusal(visit, exc)
        _tell_way(visit, refused.layer)
        raise refused from exc
    _tell_way(visit, None)
    return probed


def _find_refusal(visit: Visit, error: errors.DuplicatiClientError) -> Refused:
    if isinstance(error, errors.AnswerTooLarge):
        error = stranger.look_at_large_page(visit, error)
    if visit.transport.exchanges:
        return stranger.find_refusal(visit, visit.transport.exchanges[-1], error)
    layer = _locate(visit, error)
    if layer == "tls":
        return encryption.find_refusal(visit, error)
    if layer == "proxy":
        return _explain_proxy(visit, error)
    if layer == "http":
        return _explain_silence(visit, error)
    if layer != "tcp":
        return Refused(layer, error)
    elsewhere = stranger.find_at_usual_port(visit) if isinstance(error, errors.ConnectionRefused) else None
    if type(error) is errors.Unreachable:
        error.hint = "check the address, and the network and firewalls on the way"
    if elsewhere is not None:
        error.hint = f"Duplicati answers at {elsewhere}: use that"
    return Refused("tcp", error, {"tried": _tell_attempts(visit)})


def _locate(visit: Visit, error: errors.DuplicatiClientError) -> str:
    """Say which layer it was: the first one that was not seen to go well."""
    done = {sighting.layer for sighting in visit.sightings if sighting.failure is None}
    proxy = visit.transport.proxy
    if isinstance(error, errors.ProxyRefused):
        return "proxy"
    if isinstance(error, errors.NameNotResolved):
        return "name"
    if isinstance(error, errors.TlsFailed | errors.ConfigurationInvalid):
        return "tls"
    if "tcp" not in done:
        return "tcp"
    if proxy is not None and visit.origin.is_https and "proxy" not in done:
        return "proxy"
    return "tls" if visit.origin.is_https and "tls" not in done else "http"


def _explain_proxy(visit: Visit, error: errors.DuplicatiClientError) -> Refused:
    """Say what the proxy did, and whether the server can be reached without one that only the environment wants."""
    proxy = visit.transport.proxy
    evidence: dict[str, Any] = {"proxy": f"{proxy.host} port {proxy.port}" if proxy else None}
    said = next((sighting for sighting in visit.sightings if sighting.layer == "proxy"), None)
    evidence |= {"tried": _tell_attempts(visit), "status": said.detail["status"] if said else None}
    if proxy is None or not proxy.is_of_environment:
        return Refused("proxy", error, evidence)
    evidence["named_by"] = "environment"
    direct = visit.peek(visit.origin, visit.case.connection._replace(proxy_url="", is_insecure=True, pin_sha256=None))
    if direct is not None:
        direct.close()
        error.hint = f"without the proxy it can be reached: set NO_PROXY={visit.origin.host}, or --proxy none"
    return Refused("proxy", error, {**evidence, "reachable_without": direct is not None})


def _explain_silence(visit: Visit, error: errors.DuplicatiClientError) -> Refused:
    """The connection is there, but no HTTP comes: perhaps it speaks TLS."""
    if visit.origin.is_https or isinstance(error, errors.DeadlineExceeded):
        return Refused("http", error)
    secure = visit.origin._replace(is_https=True)
    found = visit.peek(secure, ConnectionSettings(is_insecure=True, proxy_url=visit.case.connection.proxy_url))
    if found is None:
        return Refused("http", error)
    found.close()
    return Refused("tls", encryption.wants_https(visit))


def _tell_way(visit: Visit, refusing: str | None) -> None:
    """Tell of each layer before the one that refuses, as it was seen."""
    for layer, tell in (
        ("name", _tell_name),
        ("tcp", _tell_tcp),
        ("proxy", _tell_proxy),
        ("tls", encryption.tell),
        ("http", _tell_http),
    ):
        if layer == refusing:
            return
        tell(visit)


def _tell_name(visit: Visit) -> None:
    findings, host = visit.findings, visit.origin.host
    seen = next((sighting for sighting in visit.sightings if sighting.layer == "name"), None)
    if visit.transport.proxy is not None:
        findings.skipped("name", "the proxy looks it up")
    elif seen is None or is_address(host):
        findings.passed("name", f"{host} is an address, there is no name to look up")
    else:
        addresses = seen.detail.get("addresses", [])
        findings.passed("name", f"{host} is {', '.join(addresses)}", addresses=addresses, took_ms=_round(seen))


def _tell_tcp(visit: Visit) -> None:
    findings, port = visit.findings, visit.origin.port
    if visit.transport.proxy is not None:
        findings.skipped("tcp", "the proxy connects")
        return
    attempts = [sighting for sighting in visit.sightings if sighting.layer == "tcp"]
    reached = next((sighting for sighting in attempts if sighting.failure is None), None)
    if reached is None:
        findings.passed("tcp", f"port {port} answers")
        return
    address = reached.detail["address"]
    told = f"{in_brackets(address)} port {port} answers in {_round(reached)} ms"
    findings.passed("tcp", told, address=address, port=port, took_ms=_round(reached))
    failed = attempts[: attempts.index(reached)]
    if failed:
        dead = ", ".join(f"{one.detail['address']} ({one.failure})" for one in failed)
        hint = f"mend that way, or take that address from the name, or use {in_brackets(address)} instead of the name"
        message = f"{told}, but only after {dead}"
        findings.warn("tcp", "address-dead", message, hint, tried=_tell_attempts(visit))


def _tell_attempts(visit: Visit) -> list[dict[str, Any]]:
    """Tell which addresses were tried first, until one was reached."""
    told: list[dict[str, Any]] = []
    for one in visit.sightings:
        if one.layer == "tcp" and not (told and told[-1]["failure"] is None):
            told.append({"address": one.detail["address"], "failure": one.failure, "took_ms": _round(one)})
    return told


def _tell_proxy(visit: Visit) -> None:
    proxy = visit.transport.proxy
    if proxy is None:
        visit.findings.skipped("proxy", "none")
        return
    where = "the environment" if proxy.is_of_environment else "the configuration"
    told = f"{proxy.host} port {proxy.port}, as {where} says"
    visit.findings.passed("proxy", told, host=proxy.host, port=proxy.port, is_of_environment=proxy.is_of_environment)


def _tell_http(visit: Visit) -> None:
    exchange = visit.transport.exchanges[0]
    server = exchange.answer.header("Server")
    told = f"answers in {round(exchange.took_ms)} ms" + (f", Server: {server[:60]}" if server else "")
    visit.findings.passed("http", told, **exchange.tell(), took_ms=round(exchange.took_ms, 1))


def _round(sighting: Sighting) -> float:
    return round(sighting.took_ms, 1)
