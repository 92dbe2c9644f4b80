"""How the protocol uses HTTP: names of headers, types of problems, limits; sends and receives nothing itself."""

from __future__ import annotations

from typing import Final

from . import codec

LEVEL_HEADER: Final = "Duplicati-Task-Protocol"
"""Both sides of level 1 send it with the value `1`."""
INSTANCE_HEADER: Final = "Duplicati-Instance"
EPOCH_HEADER: Final = "Duplicati-Epoch"
POLL_AFTER_HEADER: Final = "Duplicati-Poll-After"

WAIT_SECONDS_MAX: Final = 50
PAGE_TASKS_MAX: Final = 500
STATUS_BYTES_MAX: Final = 64 * 1024
TASKS_BYTES_MAX: Final = 8 * 1024 * 1024
RECEIPT_BYTES_MAX: Final = 64 * 1024

INSTANCE_CONFLICT: Final = "instance-conflict"
TOO_MANY_CODES: Final = "too-many-codes"


def read_problem(body: bytes) -> str | None:
    """Return the kind of problem that an error's body (RFC 9457) states, such as `INSTANCE_CONFLICT`, or None.

    It is the last part of the URI in `type`, whatever its beginning; title and detail are for people.
    """
    try:
        value = codec.decode(body)
    except codec.Undecodable:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or len(kind) > 256:
        return None
    last = kind.replace("#", "/").replace(":", "/").rpartition("/")[2]
    return last if last.replace("-", "").isalnum() and last.isascii() else None
