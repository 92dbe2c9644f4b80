"""The error tree: what went wrong, for a program (code), for a person (message, hint), and whether a repeat can help.

Each failure of transport, protocol and server becomes exactly one of these, at the border where it is met.
"""

from __future__ import annotations


class DuplicatiClientError(Exception):
    """Any failure that this package reports on purpose.

    `code` is stable and kebab-case; `hint` is the next step for a person or None; `is_retryable` says whether the
    same call may succeed later without anybody changing anything.
    """

    code = "failed"
    is_retryable = False
    default_hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint


# --- the server cannot be reached -----------------------------------------------------------------------


class Unreachable(DuplicatiClientError):
    """No answer came from the server."""

    code = "unreachable"
    is_retryable = True
    default_hint = "check the address, the network, and whether the server runs; duplicati doctor looks at each"


class NameNotResolved(Unreachable):
    """The host name has no address."""

    code = "name-not-resolved"
    default_hint = "check the spelling of the address, or try the IP address of the server"


class ConnectionRefused(Unreachable):
    """Nothing listens at that address and port."""

    code = "connection-refused"
    default_hint = "is Duplicati running, and is this its port? (8200 unless it was changed)"


class ConnectionLost(Unreachable):
    """The connection ended before the answer was whole; the request may have taken effect."""

    code = "connection-lost"
    default_hint = "duplicati status, to see whether it answers again, before you repeat what has an effect"


class DeadlineExceeded(Unreachable):
    """The whole answer did not arrive in the time allowed; the request may have taken effect."""

    code = "deadline-exceeded"
    default_hint = "duplicati status, to see whether it answers again, before you repeat what has an effect"


class ConnectTimedOut(DeadlineExceeded):
    """Nobody took or refused the connection: packets are lost on the way."""

    code = "connect-timed-out"
    default_hint = "is the machine on, is this its address, and does a firewall on the way let this port through?"


class ProxyRefused(Unreachable):
    """The proxy did not make the connection."""

    code = "proxy-refused"
    default_hint = "check the proxy's address, or set NO_PROXY for this server"


class TlsFailed(Unreachable):
    """No encrypted connection could be made."""

    code = "tls-failed"
    is_retryable = False
    default_hint = "check that https:// is right here, and what stands between this machine and the server"


class TlsInterrupted(TlsFailed):
    """The other side hung up in the handshake: it speaks no TLS, or what stands in front of it is restarted."""

    code = "tls-interrupted"
    is_retryable = True


class TlsTooOld(TlsFailed):
    """Both sides speak TLS, but no version in common."""

    code = "tls-too-old"
    default_hint = "let the server, or the proxy in front of it, speak TLS 1.2 or 1.3"


class SchemeWrong(TlsFailed):
    """HTTPS was asked of an HTTP server, or the other way round."""

    code = "scheme-wrong"


class CertificateRefused(TlsFailed):
    """The server's certificate is not trusted: issuer, name, date or pin."""

    code = "certificate-refused"
    default_hint = "give the server's own certificate authority with --ca-file, or pin its certificate with --pin"


class CertificateExpired(CertificateRefused):
    """The certificate's time is over, or has not come yet."""

    code = "certificate-expired"
    default_hint = "renew it on the server, and check the clock of this machine"


class CertificateNameWrong(CertificateRefused):
    """The certificate is for other names."""

    code = "certificate-name-wrong"
    default_hint = "use a name that stands in it (duplicati doctor URL shows them), or pin it: --pin SHA256"


class CertificateIssuerUnknown(CertificateRefused):
    """Whoever signed the certificate is not trusted here."""

    code = "certificate-issuer-unknown"


class CertificateNotPinned(CertificateRefused):
    """The certificate is another one than the pinned."""

    code = "certificate-not-pinned"


# --- something answered, but not as a Duplicati server does ---------------------------------------------


class NotUnderstood(DuplicatiClientError):
    """The answer cannot be understood."""

    code = "not-understood"
    default_hint = "the same command with --verbose, to see which request it was; a proxy may have spoilt its answer"


class NotDuplicati(NotUnderstood):
    """Something else than a Duplicati server answers at this address."""

    code = "not-duplicati"
    default_hint = "give the address of the Duplicati server itself, for example http://127.0.0.1:8200"


class Redirected(NotDuplicati):
    """The answer sends elsewhere; redirects are never followed."""

    code = "redirected"


class PortalMet(NotDuplicati):
    """A login page of the network, or of a proxy, answers in the place of the server."""

    code = "login-portal"
    default_hint = (
        "if this network wants a login, open any page in a browser on this machine; if a proxy in front of the server "
        "does, give its headers with --header-file, or except the path /api from its login"
    )


class PathWrong(NotDuplicati):
    """Duplicati answers at this server, but below another path."""

    code = "path-wrong"


class AnswerTooLarge(NotUnderstood):
    """The answer is larger than its cap."""

    code = "answer-too-large"


class ServerFailed(NotUnderstood):
    """The server met an internal error; the request may have taken effect."""

    code = "server-failed"
    is_retryable = True
    default_hint = "the server's own log says more: duplicati logs"


# --- the server does not allow it -----------------------------------------------------------------------


class NotAllowed(DuplicatiClientError):
    """The server, or something in front of it, refuses this client."""

    code = "not-allowed"
    default_hint = "duplicati login URL, or --header-file with the headers of a proxy that wants a login of its own"


class RoleMissing(NotAllowed):
    """The task server knows who asks, and their role, or the daemons that they may see, are not enough for it."""

    code = "role-missing"
    default_hint = (
        "an administrator of the task server gives roles: duplicati task-server users change NAME --role ROLE"
    )


class LoginMissing(NotAllowed):
    """There is no session for this server and nothing to log in with."""

    code = "login-missing"
    default_hint = "duplicati login URL"


class LoginRefused(NotAllowed):
    """The password or token is wrong; it is never tried twice by itself."""

    code = "login-refused"


class SessionEnded(NotAllowed):
    """The stored session has expired or was revoked."""

    code = "session-ended"
    default_hint = "log in again: duplicati login URL"


class HostNameNotAllowed(NotAllowed):
    """The server does not answer to this host name."""

    code = "host-name-not-allowed"
    default_hint = (
        "start the server with --webservice-allowed-hostnames=NAME (several with ';', '*' for all) and restart it, "
        "or use its IP address"
    )


class PresharedKeyRefused(NotAllowed):
    """The server wants another X-Duplicati-PreSharedKey header."""

    code = "preshared-key-refused"
    default_hint = "give the header with --header-file (X-Duplicati-PreSharedKey=…)"


class HeaderStripped(NotAllowed):
    """A proxy in between takes away the header that lets a client in."""

    code = "header-stripped"


# --- what was asked for ---------------------------------------------------------------------------------


class NotFound(DuplicatiClientError):
    """There is no such backup, task, version or notification."""

    code = "not-found"
    default_hint = "duplicati list backups, to see what there is"


class BackupNotFound(NotFound):
    """No backup has this id, name or pattern."""

    code = "backup-not-found"
    default_hint = "duplicati list backups"


class TaskForgotten(NotFound):
    """The server does not know this task number: too old, or the server was restarted since."""

    code = "task-forgotten"
    default_hint = "duplicati list tasks"


class EndpointMissing(NotFound):
    """The server has no such endpoint: an older or newer release."""

    code = "endpoint-missing"
    default_hint = "duplicati status, to see which release the server is: this needs another one"


class AmbiguousName(DuplicatiClientError):
    """A selector fits several backups where one is wanted."""

    code = "ambiguous-name"
    default_hint = "use the id, or the whole name"


class InvalidValue(DuplicatiClientError):
    """A value given is not acceptable, by our own check or by the server's."""

    code = "invalid-value"


class NotSupported(DuplicatiClientError):
    """This server's release lacks what was asked for; nothing was sent."""

    code = "not-supported"
    default_hint = "duplicati status, to see which release the server is"


# --- not now --------------------------------------------------------------------------------------------


class Busy(DuplicatiClientError):
    """It cannot be done at this moment."""

    code = "busy"
    is_retryable = True
    default_hint = "again in a moment; duplicati list tasks shows what the server does"


class Overloaded(Busy):
    """The server, or a proxy in front of it, takes no more requests for the moment (status 429 or 503)."""

    code = "overloaded"
    default_hint = "again in a moment; a server that is starting answers so too"


class ChangedMeanwhile(Busy):
    """Somebody else has changed it on the server since it was read; nothing was sent."""

    code = "changed-meanwhile"
    is_retryable = False
    default_hint = "the same command again, if the change is still right"


class DatabaseLocked(Busy):
    """The backup's local database is in use by a task of the server."""

    code = "database-locked"
    default_hint = "wait for the running task: duplicati list tasks"


class WaitTimedOut(DuplicatiClientError):
    """The time for waiting ran out; the work on the server goes on."""

    code = "wait-timed-out"


class TaskCancelled(DuplicatiClientError):
    """Somebody asked a task server that it be stopped, and it was."""

    code = "cancelled"
    default_hint = "duplicati task-server audit tells by whom"


class OutcomeUnknown(DuplicatiClientError):
    """Nothing shows what became of something that must not be repeated; it may have been done."""

    code = "outcome-unknown"
    default_hint = "look at the server before you repeat it: duplicati status"


# --- this machine ---------------------------------------------------------------------------------------


class ConfigurationInvalid(DuplicatiClientError):
    """The configuration, a setting or a stored session of this client is unusable."""

    code = "configuration-invalid"


class UsageInvalid(DuplicatiClientError):
    """The command line makes no sense as given."""

    code = "usage-invalid"


class CannotCreate(DuplicatiClientError):
    """An output file or folder cannot be created."""

    code = "cannot-create"


class InputOutputFailed(DuplicatiClientError):
    """Reading or writing failed on this machine."""

    code = "input-output-failed"


class ExtraMissing(DuplicatiClientError):
    """An optional part of the package is not installed."""

    code = "extra-missing"
