"""Which generation of Duplicati answers at an address, by one request without credentials."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from ... import errors
from ...http import Answer, Request, Transport

MODERN = "modern"
LEGACY = "legacy"
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")


class Probed(NamedTuple):
    """The generation, and the XSRF token a legacy server hands out at once."""

    generation: str
    xsrf_token: str | None = None


def probe(transport: Transport) -> Probed:
    """Ask for `systeminfo` without a login: the refusals of the generations differ (API reference, 9).

    Raises `NotDuplicati` for anything else that answers, `HostNameNotAllowed`, or what the transport raises.
    """
    answer = transport.send(Request("GET", "api/v1/systeminfo", deadline_seconds=15.0))
    if answer.status == 401 and (answer.header("WWW-Authenticate") or "").lower().startswith("bearer"):
        return Probed(MODERN)
    xsrf_token = read_cookie(answer, "xsrf-token")
    if answer.status == 400 and xsrf_token is not None:
        return Probed(LEGACY, xsrf_token)
    raise _explain(answer, transport.base_url)


def read_cookie(answer: Answer, name: str) -> str | None:
    """Return a cookie's value as it was sent, by exact name; the last one wins when it is set twice.

    A value that could not stand in a request (RFC 6265, 4.1.1) counts as none.
    """
    found = None
    for header in answer.headers_named("Set-Cookie"):
        key, equals, value = header.partition(";")[0].partition("=")
        if equals and key.strip() == name and _COOKIE_VALUE.fullmatch(value.strip()):
            found = value.strip()
    return found


def _explain(answer: Answer, url: str) -> errors.DuplicatiClientError:
    """Say what a person most likely met instead of a Duplicati server."""
    if 300 <= answer.status < 400:
        target = answer.header("Location") or "another address"
        return errors.Redirected(f"{url} sends to {target} instead of answering", hint="give that server's own address")
    if b"host header sent by the client is not allowed" in answer.body or b"Invalid hostname" in answer.body:
        return errors.HostNameNotAllowed(f"the server does not answer to the host name of {url}")
    if answer.status == 503 and answer.reason.startswith("Too Many"):  # 2.0.8.1 limits:828
        return errors.Overloaded(f"{url} has given out too many tokens", hint="they end after ten idle minutes")
    if answer.status == 400 and re.search(rb"HTTPS (port|server)|SSL-enabled", answer.body):
        return errors.NotDuplicati(f"{url} wants HTTPS", hint="use https:// instead of http://")
    if answer.status == 407 or (answer.status == 403 and answer.header("Proxy-Authenticate")):
        return errors.ProxyRefused("the proxy wants a login")
    if answer.status in (502, 503, 504):
        return errors.Unreachable(f"a proxy in front of {url} cannot reach the server (status {answer.status})")
    if answer.status in (401, 403):
        return errors.NotAllowed(
            f"something in front of {url} refuses access (status {answer.status})",
            hint="if a proxy wants a login of its own, give its headers with --header-file",
        )
    what = "a web page" if b"<" in answer.body[:200] else "something"
    path = urlsplit(url).path
    hint = f"leave the path out, unless a proxy serves Duplicati below it: {url.removesuffix(path)}" if path else None
    message = f"{what} answers at {url} (status {answer.status}), but not a Duplicati server"
    return errors.NotDuplicati(message, hint=hint)
