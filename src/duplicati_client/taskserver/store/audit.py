"""The audit log: each entry's sum covers the one before, so that none can be taken out or changed unseen.

An entry is kept in the transaction of the act that it tells of, and gets its number and its sum a moment later, in one
of its own: if each act had to know the sum of the one before, no two acts could be done at once. Whoever reads the log
chains what waits first, and so sees all of it.

Two rows of `audit_head` stand for its ends: the newest entry, without which nobody would miss the last ones, and the
newest of those that were cut off for their age, from whose sum on the rest still adds up.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ...protocol import codec
from .columns import write_json, write_span
from .database import Query, Row, Work, one

NEWEST: Final = 1
CUT: Final = 0


def append(actor: str, action: str, subject: str, details: Mapping[str, Any]) -> Work[None]:
    """Append an entry within other work: both are kept, or neither."""
    yield Query(
        "await_audit",
        {
            # in the order of the acts, without asking for it; those of one transaction have the same time
            "entry_id": f"{time.time_ns():016x}{secrets.token_hex(4)}",
            "actor": actor,
            "action": action,
            "subject": subject,
            "details": write_json(details),
        },
    )


def has_waiting() -> Work[bool]:
    """Say whether entries wait for their sums."""
    return bool((yield Query("has_waiting_audit")))


def chain(limit: int) -> Work[int]:
    """Give entries that wait their numbers and sums, the oldest first; returns how many. One at a time does it."""
    head = yield from _hold_end(NEWEST)
    waiting = yield Query("list_waiting_audit", {"limit": limit})
    if not waiting:
        return 0
    number, total = head["number"], head["sum"]
    entries: list[dict[str, Any]] = []
    for row in waiting:
        number += 1
        entry = {"number": number, **{name: value for name, value in row.items() if name != "entry_id"}}
        total = entry["sum"] = add_up(total, entry)
        entries.append(entry)
    yield Query("add_audit", many=entries)
    yield Query("forget_waiting_audit", many=[{"entry_id": row["entry_id"]} for row in waiting])
    yield Query("set_audit_head", {"head": NEWEST, "number": number, "sum": total})
    return len(waiting)


def cut(kept: timedelta, limit: int) -> Work[int]:
    """Take away the oldest entries if they are older than `kept`, at most `limit`; returns how many."""
    before = yield from _hold_end(CUT)
    rows = yield Query("list_old_audit", {"number": before["number"], "kept": write_span(kept), "limit": limit})
    last = None
    for row in rows:
        if not row["is_old"]:
            break
        last = row
    if last is None:
        return 0
    yield Query("cut_audit", {"number": last["number"]})
    yield Query("set_audit_head", {"head": CUT, "number": last["number"], "sum": last["sum"]})
    return int(last["number"] - before["number"])


def get_end(head: int) -> Work[Row]:
    """Return number and sum of the newest entry, or of the last that was cut off; 0 and nothing if there is none."""
    row = one((yield Query("get_audit_head", {"head": head})))
    assert row is not None  # noqa: S101 - the migrations put it there
    return row


def _hold_end(head: int) -> Work[Row]:
    """Return an end, and keep everybody else from moving it until this work is done."""
    yield Query("hold_audit_head", {"head": head})
    return (yield from get_end(head))


def add_up(before: str, entry: Mapping[str, Any]) -> str:
    """Return the sum of an entry that follows one with the sum `before`."""
    names = ("number", "at", "actor", "action", "subject", "details")
    return hashlib.sha256(codec.write_canonically([before, *(entry[name] for name in names)])).hexdigest()
