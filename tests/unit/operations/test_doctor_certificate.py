"""Certificates are read as OpenSSL reads them, and nothing that is none does any harm."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.operations.doctor.certificate import read_certificate
from tests.loopback import CERTIFICATES


def der_of(name: str) -> bytes:
    pem = (CERTIFICATES / f"{name}.pem").read_text()
    begin, end = pem.index("-----BEGIN CERTIFICATE-----"), pem.index("-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(pem[begin:end] + "-----END CERTIFICATE-----\n")


def read_by_openssl(name: str) -> dict:
    """Only certificates of authorities are read by the context; the others are trusted as if they were."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=der_of(name))
    found = context.get_ca_certs() or [ssl._ssl._test_decode_cert(str(CERTIFICATES / f"{name}.pem"))]
    return found[0]


@pytest.mark.parametrize("name", ["ca", "server", "elsewhere", "expired", "client", "homemade", "homemade-ca"])
def test_certificate_is_read_as_openssl_reads_it(name):
    found, wanted = read_certificate(der_of(name)), read_by_openssl(name)
    assert found is not None
    names = dict(pair for group in wanted["subject"] for pair in group)
    issuers = dict(pair for group in wanted["issuer"] for pair in group)
    assert found.subject == names.get("commonName", names.get("organizationName", ""))
    assert found.issuer == issuers.get("commonName", issuers.get("organizationName", ""))
    assert found.ends_at == datetime.fromtimestamp(ssl.cert_time_to_seconds(wanted["notAfter"]), UTC)
    assert found.begins_at == datetime.fromtimestamp(ssl.cert_time_to_seconds(wanted["notBefore"]), UTC)
    alternatives = [value.lower() for _, value in wanted.get("subjectAltName", ())]
    assert [one.replace("::1", "0:0:0:0:0:0:0:1") for one in found.names] == alternatives


@given(st.binary(max_size=200) | st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=4)))
def test_damaged_certificate_is_none_or_read_and_never_raises(damage):
    if isinstance(damage, bytes):
        data = damage
    else:
        good, (place, patch) = der_of("server"), damage
        data = good[:place] + patch + good[place + len(patch) :]
    read_certificate(data)
    read_certificate(data[: len(data) // 2])
