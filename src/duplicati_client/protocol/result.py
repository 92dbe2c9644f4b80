"""A result as the protocol writes it, and the receipt that confirms one; says nothing of how it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from . import codec
from .task import TaskID

DATA_BYTES = 256 * 1024


class Status(StrEnum):
    """What a daemon says of a task. All but `ACCEPTED` are terminal."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    COMPLETED = "completed"
    ERROR = "error"


class Recorded(StrEnum):
    """What the task server did with a result; each is final for the daemon."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    LATE = "late"
    CONFLICT = "conflict"
    ORPHAN = "orphan"
    STALE = "stale"


class Result(NamedTuple):
    """What came of a task, or that it is taken on."""

    task_id: TaskID
    status: Status
    data: Mapping[str, Any]
    attempt: int | None = None

    def encode(self) -> bytes:
        """Write it, members in the protocol's order."""
        members: dict[str, Any] = {"ID": self.task_id, "Status": self.status.value}
        if self.data:
            members["Data"] = self.data
        if self.attempt is not None:
            members["Attempt"] = self.attempt
        return codec.encode(members)


def read_receipt(body: bytes, result: Result) -> Recorded:
    """Read a level-1 receipt; raises `codec.Undecodable` unless it names this very result."""
    value = codec.decode(body)
    if not isinstance(value, dict) or codec.find_refused(value) is not None:
        raise codec.Undecodable("the receipt is no object")
    task_id = value.get("ID")
    if type(task_id) is not type(result.task_id) or task_id != result.task_id or value.get("Status") != result.status:
        raise codec.Undecodable("the receipt is for another result")
    recorded = value.get("Recorded")
    if recorded not in tuple(Recorded):
        raise codec.Undecodable("the receipt does not say what was recorded")
    return Recorded(recorded)
