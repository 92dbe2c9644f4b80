"""Which tasks were made under a key of the sender's, so that the same request again makes none; kept for a day.

Key and tasks are kept in one transaction: a server that is killed leaves both, or neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..errors import KeyReused
from ..records import Key, Task
from .database import Query, Work, one

Made = list[tuple[str, int]]


def claim(actor: str, key: Key) -> Work[Made | None]:
    """Take a key within other work; None if it is new, else what was made under it. Raises `KeyReused`."""
    yield Query("forget_answers")
    if (yield Query("claim_answer", {"actor": actor, "key": key.text, "digest": key.digest})):
        return None
    return (yield from find(actor, key))


def keep(actor: str, key: Key, tasks: Iterable[Task]) -> Query:
    """Keep what was made under a key that was claimed."""
    body = json.dumps([[task.daemon_id, task.number] for task in tasks])
    return Query("keep_answer", {"actor": actor, "key": key.text, "status": 201, "body": body})


def find(actor: str, key: Key) -> Work[Made | None]:
    """Return the daemons and numbers of the tasks made under a key, None if it is new; raises `KeyReused`."""
    row = one((yield Query("get_answer", {"actor": actor, "key": key.text})))
    if row is None:
        return None
    if row["digest"] != key.digest:
        raise KeyReused("this key was used for something else")
    return [(daemon_id, number) for daemon_id, number in json.loads(row["body"])]
