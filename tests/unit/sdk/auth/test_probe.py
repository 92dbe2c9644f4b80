"""One unauthenticated request tells the generations apart, and both from everything else that answers on the web."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer
from duplicati_client.sdk.auth.probe import LEGACY, MODERN, Probed, probe, read_cookie
from tests.fakes import answer, html, in_order

NGINX_400 = b"<html><center><h1>400 Bad Request</h1></center>The plain HTTP request was sent to HTTPS port</html>"
GO_400 = b"Client sent an HTTP request to an HTTPS server.\n"
APACHE_400 = b"<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.</p>"
WELCOME = b"<html><title>Welcome to nginx!</title></html>"


@pytest.mark.parametrize("challenge", ["Bearer", 'Bearer error="invalid_token"', "bearer"])
def test_modern_server_is_recognised_by_its_challenge(challenge: str) -> None:
    assert probe(in_order(answer(401, headers=[("WWW-Authenticate", challenge)]))) == Probed(MODERN)


def test_legacy_server_is_recognised_by_its_cookie() -> None:
    reply = answer(
        400, reason="Missing XSRF Token. Please reload the page", headers=[("Set-Cookie", "xsrf-token=a%3D")]
    )
    assert probe(in_order(reply)) == Probed(LEGACY, "a%3D")


def test_probe_asks_once_and_sends_no_secret() -> None:
    transport = in_order(answer(401, headers=[("WWW-Authenticate", "Bearer")]))
    probe(transport)
    assert transport.asked == ["GET api/v1/systeminfo"]
    assert transport.requests[0].headers == {}


def test_address_of_the_web_page_is_told_from_that_of_the_server() -> None:
    with pytest.raises(errors.NotDuplicati) as caught:
        probe(in_order(html(200), url="http://nas.test:8200/ngclient"))
    assert (caught.value.hint or "").endswith(": http://nas.test:8200")


@pytest.mark.parametrize(
    ("reply", "kind", "told"),
    [
        (html(200), errors.NotDuplicati, "web page"),
        (answer(200, WELCOME), errors.NotDuplicati, "web page"),
        (answer(200, {"name": "another api"}), errors.NotDuplicati, "something"),
        (answer(200, b""), errors.NotDuplicati, "something"),
        (html(404), errors.NotDuplicati, "404"),
        (answer(404), errors.NotDuplicati, "404"),
        (answer(302, headers=[("Location", "http://portal.example/hello")]), errors.Redirected, "portal.example"),
        (answer(301, headers=[("Location", "https://127.0.0.1/")]), errors.Redirected, "https://127.0.0.1/"),
        (answer(308), errors.Redirected, "another address"),
        (answer(400, NGINX_400), errors.NotDuplicati, "https://"),
        (answer(400, GO_400), errors.NotDuplicati, "https://"),
        (answer(400, APACHE_400), errors.NotDuplicati, "https://"),
        (answer(400), errors.NotDuplicati, "400"),
        (answer(401, headers=[("WWW-Authenticate", 'Basic realm="x"')]), errors.NotAllowed, "--header-file"),
        (answer(401), errors.NotAllowed, "--header-file"),
        (html(403), errors.NotAllowed, "403"),
        (answer(403, headers=[("Proxy-Authenticate", "Basic")]), errors.ProxyRefused, "login"),
        (answer(407), errors.ProxyRefused, "login"),
        (answer(403, b"The host header sent by the client is not allowed"), errors.HostNameNotAllowed, "host name"),
        (answer(403, {"Error": "Invalid hostname: nas", "Code": 403}), errors.HostNameNotAllowed, "host name"),
        (answer(502, b"<html>Bad Gateway</html>"), errors.Unreachable, "502"),
        (answer(503), errors.Unreachable, "503"),
        (answer(504), errors.Unreachable, "504"),
        (answer(503, reason="Too Many Concurrent Request, try again later"), errors.Overloaded, "tokens"),
        (answer(500), errors.NotDuplicati, "500"),
        (answer(400, headers=[("Set-Cookie", "other=1")]), errors.NotDuplicati, "400"),
    ],
)
def test_anything_else_is_named_for_what_it_most_likely_is(reply: Answer, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind) as caught:
        probe(in_order(reply))
    assert type(caught.value) is kind
    assert told in f"{caught.value.message} {caught.value.hint}"


def test_failure_to_reach_the_server_is_passed_on() -> None:
    with pytest.raises(errors.NameNotResolved):
        probe(in_order(errors.NameNotResolved("x")))


def test_last_cookie_of_a_name_wins_and_names_are_exact() -> None:
    reply = answer(
        headers=[
            ("Set-Cookie", "a=1; path=/"),
            ("set-cookie", " a = 2=3 ;x"),
            ("Set-Cookie", "A=4"),
            ("Set-Cookie", "a"),
        ]
    )
    assert read_cookie(reply, "a") == "2=3"
    assert read_cookie(reply, "b") is None
