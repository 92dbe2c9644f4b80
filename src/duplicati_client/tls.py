"""Who is trusted at the other end of a TLS connection: authorities, own certificates, pins; nothing of HTTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from . import errors

if TYPE_CHECKING:
    import socket
    import ssl


class Trust(NamedTuple):
    """What a connection is judged by; also the key under which its TLS context is kept."""

    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None
    pin_sha256: str | None = None
    is_insecure: bool = False


_contexts: dict[Trust, ssl.SSLContext] = {}  # loading the authorities takes 20 ms: once a process


def wrap(sock: socket.socket, host: str, trust: Trust) -> ssl.SSLSocket:
    """Do the handshake within the socket's own time limit; raises `TlsFailed` and `CertificateRefused`."""
    wrapped = _context(trust).wrap_socket(sock, server_hostname=host)
    if trust.pin_sha256 is not None:
        seen = fingerprint(wrapped.getpeercert(binary_form=True) or b"")
        if seen != normalise_pin(trust.pin_sha256):
            wrapped.close()
            raise errors.CertificateNotPinned(
                f"the certificate of {host} is not the pinned one",
                hint=f"its SHA-256 is {seen}; pin that only if you know why it changed",
            )
    return wrapped


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of a certificate in DER form, as 64 hex digits."""
    from hashlib import sha256  # noqa: PLC0415 - only with a pin

    return sha256(certificate).hexdigest()


def normalise_pin(text: str) -> str:
    """Read a SHA-256 fingerprint with or without colons; raises `InvalidValue`."""
    digits = re.sub(r"[\s:]", "", text).lower().removeprefix("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise errors.InvalidValue("a pin is the SHA-256 of a certificate: 64 hex digits")
    return digits


def _context(trust: Trust) -> ssl.SSLContext:
    if trust not in _contexts:
        _contexts[trust] = _make_context(trust)
    return _contexts[trust]


def _make_context(trust: Trust) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - plain http needs none of it

    try:
        context = ssl.create_default_context(cafile=trust.ca_file)
    except OSError as exc:
        raise _unusable("certificate authorities", trust.ca_file, exc) from exc
    if trust.ca_file is not None:
        # Python 3.13 wants extensions that certificates made at home often lack; trust in them was given by hand.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if trust.is_insecure or trust.pin_sha256 is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if trust.client_certificate_file is not None:
        try:
            # Without a password given, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(trust.client_certificate_file, trust.client_key_file, password="")
        except OSError as exc:
            raise _unusable("client certificate or key", trust.client_certificate_file, exc) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unusable(what: str, name: str | None, exc: OSError) -> errors.ConfigurationInvalid:
    message = f"the file of {what} {name} cannot be used: {exc.strerror or exc}"
    return errors.ConfigurationInvalid(message, hint="it has to be a readable PEM file, a key without a password")


def translate(exc: OSError, host: str) -> errors.DuplicatiClientError:
    """Name the failure of a socket or of TLS."""
    import ssl  # noqa: PLC0415

    if isinstance(exc, ssl.SSLCertVerificationError):
        return _explain_certificate(exc, host)
    if isinstance(exc, ssl.SSLEOFError):
        hint = "use http:// if the server has no TLS, or --client-cert if it wants a certificate"
        return errors.TlsInterrupted(f"{host} hung up before the connection was encrypted", hint=hint)
    if isinstance(exc, ssl.SSLError):
        return _explain_alert(exc.reason or "", host)
    return errors.Unreachable(f"{host} cannot be reached: {exc.strerror or exc}")


# The numbers of OpenSSL (x509_vfy.h): what is wrong with a certificate decides on what helps.
_CERTIFICATE_ERRORS: dict[int, tuple[type[errors.CertificateRefused], str | None]] = {
    2: (errors.CertificateIssuerUnknown, None),
    9: (errors.CertificateExpired, "is the clock of this machine right?"),
    10: (errors.CertificateExpired, None),
    18: (
        errors.CertificateIssuerUnknown,
        "it signed itself: trust it with --pin SHA256 (duplicati doctor URL shows that), or --ca-file with its file",
    ),
    19: (errors.CertificateIssuerUnknown, None),
    20: (errors.CertificateIssuerUnknown, None),
    21: (errors.CertificateIssuerUnknown, None),
    62: (errors.CertificateNameWrong, None),
    64: (errors.CertificateNameWrong, None),
}


def _explain_certificate(exc: ssl.SSLCertVerificationError, host: str) -> errors.CertificateRefused:
    kind, hint = _CERTIFICATE_ERRORS.get(exc.verify_code, (errors.CertificateRefused, None))
    return kind(f"the certificate of {host} is refused: {exc.verify_message or 'not trusted'}", hint=hint)


def _explain_alert(reason: str, host: str) -> errors.TlsFailed:
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return errors.TlsFailed(f"{host} does not speak TLS at this port", hint="use http:// instead of https://")
    if "CERTIFICATE_REQUIRED" in reason:
        return errors.TlsFailed(f"{host} wants a client certificate", hint="give it with --client-cert")
    if "PROTOCOL_VERSION" in reason or reason == "UNSUPPORTED_PROTOCOL":
        return errors.TlsTooOld(f"{host} speaks no version of TLS that is safe")
    if "UNRECOGNIZED_NAME" in reason:
        hint = "use the name that the server, or the proxy in front of it, is set up for"
        return errors.TlsFailed(f"nothing is served at that address under the name {host}", hint=hint)
    return errors.TlsFailed(f"no encrypted connection to {host}: {reason or 'refused'}")
