"""Daemons in a database: who they are, their tokens, and what they say of themselves."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from ..errors import NameTaken, Overloaded, StoreUnusable, VersionChanged
from ..records import Daemon, DaemonState, Page, Sighting
from .audit import append
from .columns import known_time, read_json, read_time, write_json, write_span
from .cursor import read_cursor, write_cursor
from .database import ANNOUNCE, Database, Query, Row, UniqueViolated, Work, one
from .interface import DaemonChange

_INSTANCES_COUNT: Final = 4
_SCANNED_COUNT: Final = 500
_GRACE_MILLISECONDS: Final = 60_000
"""So long what a daemon sent before it had its new token may still be on its way."""
_UNHEARD: Final = {"Code": "outcome-unknown", "Message": "its daemon was revoked before it said how it went"}


class Daemons:
    """Implements `DaemonStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, name: str, digest: str, labels: Mapping[str, str], by: str) -> Daemon:
        try:
            return await self._database.write(partial(_add, name, digest, labels, by))
        except UniqueViolated as exc:
            raise _name_taken(name) from exc

    async def find_by_token(self, digest: str) -> tuple[Daemon, bool] | None:
        row = await self._database.read(partial(_find_by_token, digest))
        if row is None:
            await self._note_ended(digest)
            return None
        if row["successor_of"] is not None:
            await self._database.write(partial(_settle, digest, row["successor_of"], row["daemon_id"]))
        return read_daemon(row), bool(row["is_expired"])

    async def _note_ended(self, digest: str) -> None:
        """Tell once of a token that is shown though its successor is in use: somebody else may have one of them."""
        row = await self._database.read(partial(_find_ended, digest))
        if row is not None:
            with suppress(StoreUnusable, Overloaded):  # it is refused all the same
                await self._database.write(partial(_note_ended, digest, row["daemon_id"]))

    async def renew_token(self, daemon_id: str, old: str, new: str, life: timedelta) -> bool:
        return await self._database.write(partial(_renew, daemon_id, old, new, life))

    async def touch(self, seen: Mapping[str, Sighting], level: int) -> set[str]:
        return await self._database.write(partial(_touch, seen, level))

    async def choose_instance(self, daemon_id: str, by: str) -> Daemon | None:
        return await self._database.write(partial(_choose_instance, daemon_id, by))

    async def keep_inventory(self, daemon_id: str, inventory: Mapping[str, Any]) -> None:
        await self._database.write(partial(_keep, "inventory", daemon_id, write_json(inventory)))

    async def keep_health(self, daemon_id: str, health: str) -> None:
        await self._database.write(partial(_keep, "health", daemon_id, health))

    async def get(self, daemon_id: str) -> Daemon | None:
        return await self._database.read(partial(_get, daemon_id))

    async def get_by_name(self, name: str) -> Daemon | None:
        return await self._database.read(partial(_get_by_name, name))

    async def find(self, cursor: str | None, limit: int, labels: Collection[tuple[str, str]] = ()) -> Page[Daemon]:
        return await self._database.read(partial(_find, cursor, limit, labels))

    async def count(self, within: timedelta) -> int:
        return await self._database.read(partial(_count, within))

    async def change(self, daemon_id: str, change: DaemonChange, by: str) -> Daemon | None:
        try:
            return await self._database.write(partial(_change, daemon_id, change, by))
        except UniqueViolated as exc:
            raise _name_taken(str(change.name)) from exc


def add_daemon(name: str, state: DaemonState, labels: Mapping[str, str], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of `add_daemon` for a new daemon with an id of its own."""
    return {
        "daemon_id": f"d-{secrets.token_hex(8)}",
        "name": name,
        "state": state.value,
        "level": 0,
        "labels": write_json(labels),
        "facts": write_json(facts),
        "code_digest": None,
    }


def read_daemon(row: Row) -> Daemon:
    """Read a row of `daemons`."""
    return Daemon(
        daemon_id=row["daemon_id"],
        name=row["name"],
        state=DaemonState(row["state"]),
        level=row["level"],
        labels=read_json(row["labels"]) or {},
        facts=read_json(row["facts"]) or {},
        created_at=known_time(row["created_at"]),
        seen_at=read_time(row["seen_at"]),
        instance=row["instance"],
        has_conflict=bool(row["has_conflict"]),
        inventory=read_json(row["inventory"]),
        inventory_at=read_time(row["inventory_at"]),
        health=row["health"],
        version=row["version"],
    )


def announce_access(daemon_id: str) -> Query:
    """Tell everybody that who may come in has changed."""
    return Query(ANNOUNCE, {"topic": "access", "daemon_id": daemon_id, "number": 0})


def _name_taken(name: str) -> NameTaken:
    return NameTaken(f"another daemon is called {name}", hint="choose another name, or revoke that one first")


def _add(name: str, digest: str, labels: Mapping[str, str], by: str) -> Work[Daemon]:
    made = add_daemon(name, DaemonState.ACTIVE, labels, {})
    yield Query("take_name", made)
    rows = yield Query("add_daemon", made)
    daemon = read_daemon(rows[0])
    yield Query("add_daemon_token", {"digest": digest, "daemon_id": daemon.daemon_id, "life": 0, "successor_of": None})
    yield from append(by, "daemon.add", daemon.daemon_id, {"Name": name, "Labels": dict(labels)})
    return daemon


def _find_by_token(digest: str) -> Work[Row | None]:
    return one((yield Query("find_daemon_by_token", {"digest": digest}, stands_alone=True)))


def _find_ended(digest: str) -> Work[Row | None]:
    late = {"digest": digest, "grace": _GRACE_MILLISECONDS}
    return one((yield Query("find_ended_daemon_token", late, stands_alone=True)))


def _note_ended(digest: str, daemon_id: str) -> Work[None]:
    if (yield Query("note_ended_daemon_token", {"digest": digest, "daemon_id": daemon_id})):
        yield from append("server", "daemon.token-found-used", daemon_id, {})


def _settle(digest: str, before: str, daemon_id: str) -> Work[None]:
    """End the token before, once its successor has been used."""
    if (yield Query("settle_daemon_token", {"digest": digest})):
        yield Query("end_daemon_token", {"digest": before})
        yield announce_access(daemon_id)


def _renew(daemon_id: str, old: str, new: str, life: timedelta) -> Work[bool]:
    if not (yield Query("hold_daemon_token", {"digest": old, "daemon_id": daemon_id})):
        return False
    yield Query("end_daemon_successors", {"digest": old})
    yield Query(
        "add_daemon_token",
        {"digest": new, "daemon_id": daemon_id, "life": write_span(life), "successor_of": old},
    )
    return True


def _touch(seen: Mapping[str, Sighting], level: int) -> Work[set[str]]:
    contested = set()
    for daemon_id, sighting in sorted(seen.items()):
        ago = int((time.monotonic() - sighting.at) * 1000)  # as late as can be: this may have waited for its turn
        row = one((yield Query("touch_daemon", {"daemon_id": daemon_id, "level": level, "ago": ago})))
        if row is None:
            continue
        has_conflict = bool(row["has_conflict"])
        if sighting.instance is not None and sighting.instance != row["instance"]:
            has_conflict = yield from _note_instance(daemon_id, sighting.instance, ago, row)
        if has_conflict:
            contested.add(daemon_id)
    return contested


def _note_instance(daemon_id: str, instance: str, ago: int, row: Row) -> Work[bool]:
    """Keep a new instance; one that was here before the last has come back: two come by turns."""
    left_at: dict[str, int] = json.loads(row["earlier_instances"] or "{}")
    is_back, had_conflict = instance in left_at, bool(row["has_conflict"])
    (time_now,) = yield Query("get_time")
    if is_back and time_now["now"] - ago < left_at[instance]:  # a late word of its last request
        return had_conflict
    if row["instance"] is not None:
        left_at.pop(row["instance"], None)
        left_at[row["instance"]] = time_now["now"]
    earlier = dict(list(left_at.items())[-_INSTANCES_COUNT:])
    yield Query(
        "set_instance",
        {
            "daemon_id": daemon_id,
            "instance": instance,
            "earlier_instances": json.dumps(earlier),
            "has_conflict": int(is_back or had_conflict),
        },
    )
    if is_back and not had_conflict:
        yield from append("server", "daemon.conflict", daemon_id, {"Instances": [instance, *earlier]})
        yield announce_access(daemon_id)
    return is_back or had_conflict


def _choose_instance(daemon_id: str, by: str) -> Work[Daemon | None]:
    row = one((yield Query("choose_instance", {"daemon_id": daemon_id})))
    if row is None:
        return None
    yield from append(by, "daemon.choose-instance", daemon_id, {})
    yield announce_access(daemon_id)
    return read_daemon(row)


def _keep(what: str, daemon_id: str, text: str) -> Work[None]:
    yield Query(f"keep_{what}", {"daemon_id": daemon_id, what: text})


def _get(daemon_id: str) -> Work[Daemon | None]:
    row = one((yield Query("get_daemon", {"daemon_id": daemon_id}, stands_alone=True)))
    return None if row is None else read_daemon(row)


def _get_by_name(name: str) -> Work[Daemon | None]:
    row = one((yield Query("get_daemon_by_name", {"name": name}, stands_alone=True)))
    return None if row is None else read_daemon(row)


def _find(cursor: str | None, limit: int, labels: Collection[tuple[str, str]]) -> Work[Page[Daemon]]:
    """Return a full page: a cursor behind a daemon that is not wanted would tell its name to who may not know it."""
    place, wanted = read_cursor(cursor, ("", "")), set(labels)
    count = max(limit + 1, _SCANNED_COUNT) if wanted else limit + 1
    found: list[Row] = []
    while True:
        rows = yield Query("list_daemons", {"name": place[0], "daemon_id": place[1], "limit": count})
        found += [row for row in rows if (read_json(row["labels"]) or {}).items() >= wanted]
        if len(found) > limit or len(rows) < count:
            break
        place = _place(rows[-1])
    page = found[:limit]
    return Page([read_daemon(row) for row in page], write_cursor(_place(page[-1])) if len(found) > limit else None)


def _place(row: Row) -> tuple[str, str]:
    return row["sort_name"], row["daemon_id"]


def _count(within: timedelta) -> Work[int]:
    row = one((yield Query("count_daemons", {"within": write_span(within)})))
    return 0 if row is None else int(row["found"])


def _change(daemon_id: str, change: DaemonChange, by: str) -> Work[Daemon | None]:
    row = one(
        (
            yield Query(
                "change_daemon",
                {
                    "daemon_id": daemon_id,
                    "name": change.name,
                    "labels": None if change.labels is None else write_json(change.labels),
                    "state": None if change.state is None else change.state.value,
                    "version": change.version or 0,
                },
            )
        )
    )
    if row is None:
        if (yield Query("get_daemon", {"daemon_id": daemon_id})):
            raise VersionChanged("somebody else changed this daemon meanwhile", hint="read it again")
        return None
    if change.name is not None:
        yield Query("change_name", {"daemon_id": daemon_id, "name": change.name})
    if change.state is DaemonState.REVOKED:
        yield Query("release_name", {"daemon_id": daemon_id})
        yield Query("end_daemon_tokens", {"daemon_id": daemon_id})
        yield Query("end_tasks_of_revoked", {"daemon_id": daemon_id})
        yield Query("end_begun_of_revoked", {"daemon_id": daemon_id, "result": json.dumps(_UNHEARD)})
        yield Query(ANNOUNCE, {"topic": "task", "daemon_id": daemon_id, "number": 0})
    told = {name: value for name, value in change._asdict().items() if value is not None and name != "version"}
    yield from append(by, "daemon.change", daemon_id, {name.capitalize(): value for name, value in told.items()})
    yield announce_access(daemon_id)
    return read_daemon(row)
