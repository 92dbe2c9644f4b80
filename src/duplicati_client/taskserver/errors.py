"""What the task server cannot do, by name; its routes turn each into one problem (RFC 9457)."""

from __future__ import annotations

from ..errors import Busy, CannotCreate, ConfigurationInvalid, DuplicatiClientError, InvalidValue
from ..protocol.exchange import TOO_MANY_CODES


class Denied(DuplicatiClientError):
    """A request that is understood and not carried out; `status` is what HTTP calls it."""

    code = "denied"
    status = 400
    retry_after_seconds = 5


class DaemonUnknown(Denied):
    """There is no such daemon, or not for this operator, which is told in the same words."""

    code = "daemon-unknown"
    status = 404


class TokenRefused(Denied):
    """No token, or one that is not valid; which of them is not told."""

    code = "token-refused"
    status = 401


class LoginRefused(Denied):
    """Wrong user or password; which of them is not told."""

    code = "login-refused"
    status = 401


class TooManyLogins(Denied):
    """Failed so often that it has to wait."""

    code = "too-many-logins"
    status = 429
    is_retryable = True


class TaskUnknown(Denied):
    """There is no such task, or not for this operator, which is told in the same words."""

    code = "task-unknown"
    status = 404


class CodeUnknown(Denied):
    """There is no such enrolment code."""

    code = "code-unknown"
    status = 404


class UserUnknown(Denied):
    """There is no such user."""

    code = "user-unknown"
    status = 404


class TokenUnknown(Denied):
    """There is no such token, or not for this operator."""

    code = "token-unknown"
    status = 404


class NotAllowed(Denied):
    """The token is good for something else."""

    code = "not-allowed"
    status = 403


class InstanceConflict(Denied):
    """Two machines come by turns with one identity: neither is handed anything until an operator chooses."""

    code = "instance-conflict"
    status = 409


class CodeRefused(Denied):
    """An enrolment code that is spent, expired, revoked or none."""

    code = "code-refused"
    status = 403


class TooManyCodes(Denied):
    """So many wrong codes came from this network that the next wrong one has to wait."""

    code = TOO_MANY_CODES
    status = 429
    is_retryable = True


class Malformed(Denied):
    """A request that does not have the form that it should."""

    code = "malformed"
    status = 400


class BodyTooSlow(Denied):
    """A body that did not come in time."""

    code = "too-slow"
    status = 408


class EncodingRefused(Denied):
    """A body that is compressed."""

    code = "encoding-refused"
    status = 415


class HeadTooLarge(Denied):
    """An address and headers beyond their cap."""

    code = "head-too-large"
    status = 431


class PasswordRefused(Denied):
    """Who wants another password does not know the one there is."""

    code = "password-refused"
    status = 403


class TooLarge(Denied):
    """A body beyond its cap."""

    code = "too-large"
    status = 413


class NameTaken(Denied):
    """Another one has this name."""

    code = "name-taken"
    status = 409


class VersionChanged(Denied):
    """Somebody else changed it since it was read."""

    code = "changed-meanwhile"
    status = 412


class LastAdministrator(Denied):
    """Nobody would be left who may do everything."""

    code = "last-administrator"
    status = 409


class QuotaExceeded(Denied):
    """There is no room for more of these; later there may be."""

    code = "quota-exceeded"
    status = 429
    is_retryable = True


class Overloaded(Denied):
    """More is asked for at once than there is room for; nothing was done of it."""

    code = "overloaded"
    status = 503
    is_retryable = True


class TooManyRequests(Denied):
    """A daemon asks for nothing new more often than it may."""

    code = "too-many-requests"
    status = 429
    is_retryable = True


class KeyReused(Denied):
    """An idempotency key that stands for another request."""

    code = "key-reused"
    status = 409


class CursorInvalid(Denied):
    """A cursor that no page gave."""

    code = "cursor-invalid"
    status = 400


class StoreUnusable(Denied):
    """The database cannot be used: where it lies, what is in it, or that nobody answers."""

    code = "store-unusable"
    status = 503
    is_retryable = True


class FolderHeld(Busy):
    """Another task server has the folder."""

    code = "folder-held"


class PlaceUnusable(ConfigurationInvalid):
    """A folder or file for the store that is not as it should be."""

    code = "place-unusable"


class StoreFilled(CannotCreate):
    """There is a store already where another one should go."""

    code = "store-filled"


class CopyUnusable(InvalidValue):
    """A file that is no whole store of a task server."""

    code = "copy-unusable"
