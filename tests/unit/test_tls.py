"""Trust over real TLS on loopback: authorities, names, dates, pins, own certificates, and the wrong protocol."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable

import pytest

from duplicati_client import errors, tls
from duplicati_client.http import ConnectionSettings, Request, SocketTransport
from tests.loopback import CERTIFICATES, Loopback, Peer, message, replying, server_context
from tests.unit.test_http import tunnelling

CA = str(CERTIFICATES / "ca.pem")
CLIENT = str(CERTIFICATES / "client.pem")


def pin_of(name: str) -> str:
    pem = (CERTIFICATES / f"{name}.pem").read_text()
    first = pem[: pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def ask(server: Loopback, *, host: str | None = None, **settings: object) -> int:
    url = server.url if host is None else server.url.replace("127.0.0.1", host)
    transport = SocketTransport(url, ConnectionSettings(proxy_url="", **settings))
    try:
        return transport.send(Request("GET", "x", deadline_seconds=5)).status
    finally:
        transport.close()


def tls_server(name: str = "server", **options: bool) -> Loopback:
    return Loopback(replying(message(), message()), context=server_context(name, **options))


def test_own_authority_is_trusted_when_given() -> None:
    with tls_server() as server:
        assert ask(server, ca_file=CA) == 200


def test_certificate_made_at_home_is_trusted_when_given_also_where_python_is_strict() -> None:
    with tls_server("homemade") as server:
        assert ask(server, ca_file=str(CERTIFICATES / "homemade-ca.pem")) == 200


def test_unknown_issuer_is_refused_with_the_way_out() -> None:
    with tls_server() as server, pytest.raises(errors.CertificateRefused) as caught:
        ask(server)
    assert "--ca-file" in caught.value.hint
    assert not caught.value.is_retryable


def test_certificate_of_another_name_is_refused() -> None:
    with tls_server("elsewhere") as server, pytest.raises(errors.CertificateRefused, match=r"127\.0\.0\.1"):
        ask(server, ca_file=CA)


def test_expired_certificate_is_refused_with_the_reason() -> None:
    with tls_server("expired") as server, pytest.raises(errors.CertificateRefused, match="expired"):
        ask(server, ca_file=CA)


@pytest.mark.parametrize("name", ["server", "elsewhere", "expired"])
def test_pin_replaces_issuer_name_and_date(name: str) -> None:
    with tls_server(name) as server:
        assert ask(server, pin_sha256=pin_of(name)) == 200


def test_wrong_pin_is_refused_and_tells_what_was_seen() -> None:
    with tls_server() as server, pytest.raises(errors.CertificateRefused) as caught:
        ask(server, ca_file=CA, pin_sha256=pin_of("elsewhere"))
    assert pin_of("server") in caught.value.hint


def test_wrong_pin_is_refused_before_anything_is_sent() -> None:
    heads: list[str] = []
    serve = replying(message(), heads=heads)
    with Loopback(serve, context=server_context()) as server, pytest.raises(errors.CertificateRefused):
        ask(server, pin_sha256="0" * 64)
    assert heads == []


def test_insecure_checks_nothing() -> None:
    with tls_server("expired") as server:
        assert ask(server, is_insecure=True) == 200


def test_insecure_does_not_overrule_a_pin() -> None:
    with tls_server() as server, pytest.raises(errors.CertificateRefused):
        ask(server, is_insecure=True, pin_sha256="0" * 64)


def test_client_certificate_is_shown_to_a_server_that_wants_one() -> None:
    with tls_server(asks_client=True) as server:
        assert ask(server, ca_file=CA, client_certificate_file=CLIENT) == 200


def test_missing_client_certificate_is_told() -> None:
    with tls_server(asks_client=True) as server, pytest.raises(errors.TlsFailed) as caught:
        ask(server, ca_file=CA)
    assert "client certificate" in caught.value.message


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
        ({"ca_file": str(CERTIFICATES / "README.md")}, "README.md"),
        ({"client_certificate_file": "/nowhere/client.pem"}, "/nowhere/client.pem"),
        ({"client_certificate_file": CA}, "ca.pem"),
        ({"client_certificate_file": str(CERTIFICATES / "locked.pem")}, "locked.pem"),
        ({"ca_file": CA, "client_certificate_file": CLIENT, "client_key_file": CA}, "client.pem"),
    ],
)
def test_unusable_file_is_a_fault_of_the_configuration_and_named(settings: dict[str, str], told: str) -> None:
    with tls_server() as server, pytest.raises(errors.ConfigurationInvalid, match=told):
        ask(server, **settings)


def refusing(reply: bytes) -> Callable[[Peer], None]:
    """Do what a plain server does with the first bytes of TLS: answer with a refusal, or just hang up."""

    def handle(peer: Peer) -> None:
        peer.socket.recv(65536)
        peer.send(reply)

    return handle


@pytest.mark.parametrize(
    ("name", "settings", "kind"),
    [
        ("server", {}, errors.CertificateIssuerUnknown),
        ("elsewhere", {"ca_file": CA}, errors.CertificateNameWrong),
        ("expired", {"ca_file": CA}, errors.CertificateExpired),
        ("server", {"pin_sha256": "0" * 64}, errors.CertificateNotPinned),
    ],
)
def test_each_reason_against_a_certificate_has_its_own_error(name: str, settings: dict[str, str], kind: type) -> None:
    with tls_server(name) as server, pytest.raises(errors.CertificateRefused) as caught:
        ask(server, **settings)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("alert", "kind", "told"),
    [
        (b"\x02\x46", errors.TlsTooOld, "TLS 1.2"),
        (b"\x02\x70", errors.TlsFailed, "name"),
        (b"\x02\x28", errors.TlsFailed, ""),
    ],
    ids=["protocol version", "unrecognised name", "handshake failure"],
)
def test_refusals_within_tls_are_told_apart(alert: bytes, kind: type, told: str) -> None:
    with Loopback(refusing(b"\x15\x03\x03\x00\x02" + alert)) as server:
        transport = SocketTransport(server.url.replace("http:", "https:"))
        with pytest.raises(errors.TlsFailed) as caught:
            transport.send(Request("GET", "x", deadline_seconds=5))
    assert type(caught.value) is kind
    assert told in caught.value.hint
    assert not caught.value.is_retryable


def test_hanging_up_in_the_handshake_may_pass_as_a_proxy_that_restarts_does() -> None:
    with Loopback(refusing(b"")) as server:
        transport = SocketTransport(server.url.replace("http:", "https:"))
        with pytest.raises(errors.TlsInterrupted) as caught:
            transport.send(Request("GET", "x", deadline_seconds=5))
    assert caught.value.is_retryable


@pytest.mark.parametrize("reply", [message(status="400 Bad Request"), b""], ids=["refused", "hung up"])
def test_https_asked_of_a_plain_port_tells_to_use_http(reply: bytes) -> None:
    with Loopback(refusing(reply)) as server:
        transport = SocketTransport(server.url.replace("http:", "https:"))
        with pytest.raises(errors.TlsFailed) as caught:
            transport.send(Request("GET", "x", deadline_seconds=5))
    assert "http://" in caught.value.hint


def test_http_asked_of_a_tls_port_tells_to_use_https() -> None:
    with tls_server() as server:
        transport = SocketTransport(server.url.replace("https:", "http:"))
        with pytest.raises(errors.DuplicatiClientError) as caught:
            transport.send(Request("GET", "x", deadline_seconds=5))
    assert "https://" in caught.value.hint


def test_connection_is_used_again() -> None:
    with tls_server() as server:
        transport = SocketTransport(server.url, ConnectionSettings(ca_file=CA))
        assert [transport.send(Request("GET", "x", deadline_seconds=5)).status for _ in range(2)] == [200, 200]
        transport.close()
        assert server.connections_count == 1


def test_deadline_counts_for_a_handshake_that_never_ends() -> None:
    with Loopback(lambda peer: peer.drip(b"\x16\x03\x03\x40\x00" + b"x" * 100)) as server:
        transport = SocketTransport(server.url.replace("http:", "https:"))
        with pytest.raises(errors.DeadlineExceeded):
            transport.send(Request("GET", "x", deadline_seconds=0.3))


def test_deadline_counts_for_a_body_that_is_read_slowly() -> None:
    def handle(peer: Peer) -> None:
        for _ in range(150):
            peer.socket.recv(16384)
            time.sleep(0.02)

    with Loopback(handle, context=server_context()) as server:
        transport = SocketTransport(server.url, ConnectionSettings(ca_file=CA))
        started_at = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            transport.send(Request("POST", "x", body=b"x" * 30_000_000, deadline_seconds=0.4))
        assert time.monotonic() - started_at < 1.5


def test_tls_goes_through_a_proxys_tunnel_to_the_right_name() -> None:
    heads: list[str] = []
    with tls_server("elsewhere") as server, tunnelling(server.port, heads) as proxy:
        settings = ConnectionSettings(ca_file=CA, proxy_url=f"http://u:p@127.0.0.1:{proxy.port}")
        transport = SocketTransport("https://elsewhere.example", settings)
        assert transport.send(Request("GET", "x", deadline_seconds=5)).status == 200
        transport.close()
    assert heads[0].startswith("CONNECT elsewhere.example:443 HTTP/1.1")
    assert "Proxy-Authorization: Basic" in heads[0]


def test_context_is_made_once_for_equal_trust() -> None:
    assert tls._context(tls.Trust(ca_file=CA)) is tls._context(tls.Trust(ca_file=CA))
    assert tls._context(tls.Trust(ca_file=CA)) is not tls._context(tls.Trust(ca_file=CA, is_insecure=True))


@pytest.mark.parametrize("text", ["AB:" * 31 + "ab", "sha256:" + "ab" * 32, "SHA256 " + "AB " * 32, "ab" * 32])
def test_pin_is_read_in_every_common_form(text: str) -> None:
    assert tls.normalise_pin(text) == "ab" * 32


@pytest.mark.parametrize("text", ["", "ab", "sha1:" + "ab" * 20, "xy" * 32, "ab" * 33])
def test_what_is_no_pin_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidValue):
        tls.normalise_pin(text)
