"""Faults on demand: makes a healthy face answer late, wrongly, half or not at all; it knows nothing of sockets."""

from __future__ import annotations

from typing import NamedTuple

from .clock import Clock
from .legacy.replies import MARK, unhandled
from .release import Release
from .web.serve import Call, Handler, Reply, Upgrade, envelope_error_reply, error_reply

SLOW_SECONDS = 1.0
HUGE_BYTES = 40 * 1024 * 1024
SHORT_TOKEN_SECONDS = 2
RESTART_AFTER_SECONDS = 1.0
ONCE = frozenset({"restart-in-run", "restart-kill", "refresh-lost"})
CONTENT = ("cut", "half-json", "bom", "huge", "html-error", "error-500")
MEANINGS = {
    "slow": "each answer comes a second late",
    "database-locked": "logs and listings are refused as while a task runs",
    "expired-tokens": "access tokens live two seconds",
    "cut": "the connection ends in the middle of each answer",
    "half-json": "each answer holds half of its JSON, and says that this is all",
    "bom": "answers begin with a byte order mark",
    "huge": "each answer has 40 MiB",
    "html-error": "a proxy's page comes in place of the answer",
    "error-500": "the server answers that it failed",
    "refresh-lost": "the answer to the first renewal of a session is lost",
    "restart-in-run": "the server restarts one second into the first run",
    "restart-kill": "the same, killed: no row, no notification, no metadata of the run",
}
NAMES = tuple(MEANINGS)
SPARED = frozenset({"/api/v1/systeminfo"})
LOCKED_TEXT = (
    "The backup database is currently in use by another operation and cannot be accessed concurrently. "
    "Please wait for the running operation to finish and try again."
)
LOCKED_ENDS = (
    "/log",
    "/remotelog",
    "/filesets",
    "/files",
    "/list-filesets",
    "/list-folder",
    "/list-versions",
    "/search",
)
HTML_ERROR = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\r\n"


class Fault(NamedTuple):
    """One fault and how often it strikes; None is always."""

    name: str
    strokes: int | None


def read_fault(text: str) -> Fault:
    """Read `NAME` or `NAME:COUNT`; raises ValueError for an unknown name or a number that is no number above zero."""
    name, colon, number = text.partition(":")
    if name not in NAMES:
        raise ValueError(f"unknown fault {name!r}; known are {', '.join(sorted(NAMES))}")
    if not colon:
        return Fault(name, 1 if name in ONCE else None)
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"the count of fault {name!r} must be a number above zero, not {number!r}")
    return Fault(name, int(number))


class Faults:
    """What is still to go wrong.

    Logins, and the system information that clients read along with them, are spared by the faults of content, so that
    one can get in to meet them.
    """

    def __init__(self, faults: tuple[Fault, ...], release: Release, clock: Clock) -> None:
        self._left: dict[str, int | None] = dict(faults)
        self._release = release
        self._clock = clock

    def has(self, name: str) -> bool:
        """Tell whether a fault is still to strike."""
        return self._left.get(name, 0) != 0

    def take(self, name: str) -> bool:
        """Use up one stroke of a fault; False when none is left."""
        if not self.has(name):
            return False
        left = self._left[name]
        if left is not None:
            self._left[name] = left - 1
        return True

    def wrap(self, face: Handler) -> Handler:
        """Put the faults in front of a face."""
        return _FaultyFace(self, face) if self._left else face

    async def delay(self) -> None:
        """Wait as long as a slow answer takes."""
        await self._clock.sleep(SLOW_SECONDS)

    def locked(self, call: Call) -> Reply:
        """Answer as if another operation used the backup's database (2.3.1.0 control:22, 40)."""
        if self._release.is_legacy:
            return unhandled("database is locked", "SqliteException")
        if not self._release.locks_database_in_run:
            return error_reply(500, "An error occurred")
        if call.path.lower().startswith("/api/v2/"):
            return envelope_error_reply(LOCKED_TEXT, "DatabaseLocked")
        return error_reply(400, LOCKED_TEXT, help_id="DatabaseLocked")

    def spoil(self, name: str, reply: Reply) -> Reply:
        """Spoil the content of an answer."""
        if name == "cut":
            return reply._replace(cut="inside")
        if name == "half-json":
            return reply._replace(body=reply.body[: len(reply.body) // 2])
        if name == "bom":
            return reply._replace(body=MARK + reply.body.removeprefix(MARK))
        if name == "huge":
            return reply._replace(status=200, reason=None, body=b'["' + b"x" * HUGE_BYTES + b'"]')
        if name == "html-error":
            return Reply(502, (("Content-Type", "text/html"),), HTML_ERROR)
        if self._release.is_legacy:
            return unhandled("An error occurred", "Exception")
        return error_reply(500, "An error occurred")


class _FaultyFace:
    def __init__(self, faults: Faults, face: Handler) -> None:
        self._faults = faults
        self._face = face

    async def __call__(self, call: Call) -> Reply | Upgrade:
        path = call.path.lower().rstrip("/")
        if self._faults.take("slow"):
            await self._faults.delay()
        reply = await self._face(call)
        if isinstance(reply, Upgrade):
            return reply
        if path.endswith("/auth/refresh") and reply.status == 200 and self._faults.take("refresh-lost"):
            return reply._replace(cut="before")
        if not path.startswith("/api/") or "/auth/" in path or path in SPARED or reply.status in {401, 403}:
            return reply
        if path.endswith(LOCKED_ENDS) and self._faults.take("database-locked"):
            return self._faults.locked(call)
        for name in CONTENT:
            if (reply.body or name in {"error-500", "html-error"}) and self._faults.take(name):
                return self._faults.spoil(name, reply)
        return reply
