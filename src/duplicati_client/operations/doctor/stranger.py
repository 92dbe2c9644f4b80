"""Who answers instead of Duplicati as expected: portals, proxies, other programs, other paths, a server that starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from ... import errors
from ...http import LIST_ANSWER_BYTES, Answer, ConnectionSettings, Origin, Request, parse_url
from ...sdk.auth.probe import probe
from . import encryption
from .report import Refused
from .visit import read_title

if TYPE_CHECKING:
    from .visit import Exchange, Visit

_LOGIN_WORDS = re.compile(
    r"log-?[io]n|sign-?in|auth|sso|portal|captive|hotspot|welcome|guest|wi-?fi|type=[\"']?password|http-equiv=[\"']?refresh",
    re.IGNORECASE,
)
_USUAL_PATH = "/duplicati"
_PATHS_COUNT = 4
_USUAL_PORT = 8200
_WEB_PORTS = (80, 443)
_OWN_SERVERS = ("Kestrel", "Tiny WebServer")


def find_refusal(visit: Visit, exchange: Exchange, error: errors.DuplicatiClientError) -> Refused:
    """Say which layer answered, and as what."""
    answer, evidence = exchange.answer, exchange.tell()
    if isinstance(error, errors.HostNameNotAllowed):
        return Refused("host-name", explain_host(visit, answer), evidence)
    if isinstance(error, errors.ProxyRefused):
        hint = "give the proxy's login: --proxy http://USER:PASSWORD@HOST:PORT, or set NO_PROXY for this server"
        return Refused("proxy", errors.ProxyRefused(error.message, hint=hint), evidence)
    if isinstance(error, errors.NotDuplicati) and "HTTPS" in error.message:
        return Refused("tls", encryption.wants_https(visit), evidence)
    if answer.status == 511:
        return Refused("http", errors.PortalMet("the network wants a login before it lets anything through"), evidence)
    if isinstance(error, errors.Redirected):
        return _explain_redirect(visit, answer, error, evidence)
    if isinstance(error, errors.Unreachable):
        return Refused("http", _explain_gateway(answer, error), evidence)
    if isinstance(error, errors.NotAllowed):
        return Refused("http", _explain_gate(answer, error), evidence)
    return _explain_other(visit, answer, error, evidence)


def look_at_large_page(visit: Visit, error: errors.DuplicatiClientError) -> errors.DuplicatiClientError:
    """Read what is too large to be Duplicati's, so that it can be named; the error as it was if that fails too."""
    try:
        answer = visit.transport.send(Request("GET", "api/v1/systeminfo", max_bytes=LIST_ANSWER_BYTES))
    except errors.DuplicatiClientError:
        return error
    what = f"something with {len(answer.body)} bytes answers at {visit.origin.url} (status {answer.status})"
    return errors.NotDuplicati(f"{what}, but not a Duplicati server")


def explain_host(visit: Visit, answer: Answer) -> errors.HostNameNotAllowed:
    """Tell a server that does not know its name from a proxy that asks it by another one."""
    found = re.search(rb"Invalid hostname: ([^\"\\\s]{1,200})", answer.body)
    own = next((value for name, value in visit.transport.headers.items() if name.lower() == "host"), visit.origin.host)
    own = own.rpartition(":")[0] or own
    heard = found[1].decode("ascii", "replace") if found else own
    if heard.lower() == own.lower():
        hint = (
            f"start the server with --webservice-allowed-hostnames={own} (several with ';', '*' for all) and restart "
            "it, or use its IP address"
        )
        return errors.HostNameNotAllowed(f"the server does not answer to the host name {own}", hint=hint)
    message = f"a proxy in between asks the server for the host name {heard} instead of {own}"
    hint = f"let the proxy pass the Host header on, or allow {heard} with --webservice-allowed-hostnames={heard}"
    return errors.HostNameNotAllowed(message, hint=hint)


def _explain_redirect(
    visit: Visit, answer: Answer, error: errors.DuplicatiClientError, evidence: dict[str, Any]
) -> Refused:
    try:
        target = urljoin(f"{visit.origin.url}/", answer.header("Location") or "")
        parts = urlsplit(target)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        return Refused("http", error, evidence)
    is_own = host == visit.origin.host
    if is_own and scheme == "https" and not visit.origin.is_https:
        message = f"{visit.origin.url} sends to https"
        return Refused("tls", errors.SchemeWrong(message, hint=f"use {_base_of(target)}"), evidence)
    found = _find_elsewhere(visit, [parts.path.rpartition("/")[0]]) if is_own else None
    if found is not None:
        return Refused("duplicati", _path_wrong(visit, found), evidence)
    if not is_own or _LOGIN_WORDS.search(target):
        message = f"{visit.origin.url} sends to a page of {host or 'elsewhere'} instead of answering"
        return Refused("http", errors.PortalMet(message), evidence)
    return Refused("http", error, evidence)


def _base_of(target: str) -> str:
    """Return the base URL within the address of a page of the API."""
    base = target.partition("/api/")[0]
    try:
        return parse_url(base).url
    except errors.InvalidValue:
        return "that server's own address"


def _explain_gateway(answer: Answer, error: errors.DuplicatiClientError) -> errors.DuplicatiClientError:
    server = answer.header("Server") or ""
    if answer.status == 503 and server.startswith(_OWN_SERVERS):
        return errors.Busy(
            "Duplicati is there but not ready: it starts, or has too much to do", hint="wait, then again"
        )
    hint = "is Duplicati running there, and is the proxy sent to its address and port? It may also just be starting"
    return type(error)(error.message, hint=hint)


def wants_basic() -> errors.NotAllowed:
    """Return the refusal of a proxy with a login of its own that gets in the way of Duplicati's."""
    return errors.NotAllowed(
        "a proxy in front of the server wants a user and password of its own (Basic)",
        hint="except the path /api from that: its login and Duplicati's token travel in the same header",
    )


def _explain_gate(answer: Answer, error: errors.DuplicatiClientError) -> errors.DuplicatiClientError:
    challenge = (answer.header("WWW-Authenticate") or "").strip().lower()
    return wants_basic() if challenge.startswith("basic") else error


def _explain_other(
    visit: Visit, answer: Answer, error: errors.DuplicatiClientError, evidence: dict[str, Any]
) -> Refused:
    found = _find_elsewhere(visit, [])
    if found is not None:
        return Refused("duplicati", _path_wrong(visit, found), evidence)
    if _is_task_server(visit):
        message = f"a task server answers at {visit.origin.url}, not a Duplicati server"
        return Refused("duplicati", errors.NotDuplicati(message), evidence)
    if b"Unknown 'Connection' header" in answer.body:
        message = "a proxy sends “Connection: upgrade” with every request, which Duplicati 2.0 refuses"
        return Refused(
            "http", errors.NotUnderstood(message, hint="let the proxy send that for WebSocket only"), evidence
        )
    title = read_title(answer)
    is_page = b"<" in answer.body[:200]
    if is_page and answer.status < 400 and _LOGIN_WORDS.search(answer.body.decode("latin-1")):
        name = f" (“{title}”)" if title else ""
        message = f"a login page{name} answers at {visit.origin.url}, and not Duplicati"
        return Refused("duplicati", errors.PortalMet(message), evidence)
    if title or answer.header("Server"):
        error.message += f"; it calls itself “{title or answer.header('Server')}”"
    return Refused("duplicati", error, evidence)


def _path_wrong(visit: Visit, url: str) -> errors.PathWrong:
    return errors.PathWrong(f"Duplicati answers at {url}, not at {visit.origin.url}", hint=f"use {url}")


def find_at_usual_port(visit: Visit) -> str | None:
    """Look for Duplicati at its own port, where the address named none and so meant that of the web."""
    if visit.origin.port not in _WEB_PORTS:
        return None
    usual = visit.origin._replace(port=_USUAL_PORT, path="")
    sock = visit.peek(usual._replace(is_https=False), ConnectionSettings(proxy_url=visit.case.connection.proxy_url))
    if sock is None:
        return None
    sock.close()
    # Another port may be another program's, and plain: the person's own headers are not for it.
    settings = visit.case.connection._replace(headers={})
    places = dict.fromkeys((usual, usual._replace(is_https=False)))
    return next((place.url for place in places if _is_duplicati(visit, place, settings)), None)


def _find_elsewhere(visit: Visit, sent_to: list[str]) -> str | None:
    """Look for Duplicati at other paths of the same server: above the one given, where it sends to, and the usual."""
    own = visit.origin.path
    above = [own[:end] for end in range(len(own)) if own[end] == "/"]
    candidates = dict.fromkeys([*above, *sent_to, _USUAL_PATH])
    for path in [path for path in candidates if path != own][:_PATHS_COUNT]:
        try:
            origin = parse_url(visit.origin._replace(path=path).url)
        except errors.InvalidValue:
            continue
        if _is_duplicati(visit, origin):
            return origin.url
    return find_at_usual_port(visit)


def _is_duplicati(visit: Visit, origin: Origin, settings: ConnectionSettings | None = None) -> bool:
    try:
        transport = visit.look_at(origin, settings)
    except errors.DuplicatiClientError:
        return False
    try:
        probe(transport)
    except errors.DuplicatiClientError:
        return False
    finally:
        transport.close()
    return True


def _is_task_server(visit: Visit) -> bool:
    """Say whether it speaks the protocol of daemons, whose poll is answered in a way that no other program has."""
    try:
        answer = visit.transport.send(Request("GET", "api/tasks/status", deadline_seconds=5.0))
    except errors.DuplicatiClientError:
        return False
    return answer.status in (303, 304) and not answer.body and answer.header("Location") is None
