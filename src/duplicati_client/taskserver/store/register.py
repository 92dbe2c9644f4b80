"""What belongs to the task server as a whole, in a database: settings, epoch, audit log, keys of repeated requests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from ..errors import VersionChanged
from ..records import AuditEntry, Key, Page
from . import audit, made
from .columns import known_time, read_json
from .cursor import read_cursor, write_cursor
from .database import ANNOUNCE, Database, Query, Row, Work, one

_LAST = 2**62
_CHECKED_COUNT = 1000
_CHAINED_COUNT = 500
EPOCH: Final = "epoch"


class Register:
    """Implements `RegisterStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_settings(self) -> dict[str, str]:
        return await self._database.read(_list_settings)

    async def change_settings(self, changes: Mapping[str, str], version: int | None, by: str) -> dict[str, str]:
        return await self._database.write(partial(_change_settings, changes, version, by))

    async def get_epoch(self) -> str:
        return await self._database.write(_get_epoch)

    async def begin_epoch(self, by: str) -> str:
        return await self._database.write(partial(_begin_epoch, by))

    async def list_audit(self, cursor: str | None, limit: int) -> Page[AuditEntry]:
        await self.chain_audit()
        return await self._database.read(partial(_list_audit, cursor, limit))

    async def chain_audit(self) -> None:
        if await self._database.read(audit.has_waiting):
            while await self._database.write(partial(audit.chain, _CHAINED_COUNT)) == _CHAINED_COUNT:
                pass

    async def cut_audit(self, kept: timedelta, limit: int) -> int:
        return await self._database.write(partial(audit.cut, kept, limit))

    async def get_audit_cut(self) -> int:
        return int((await self._database.read(partial(audit.get_end, audit.CUT)))["number"])

    async def check_audit(self) -> int | None:
        """Read it in parts, so that nobody waits for the whole of it; anew if its beginning was cut off meanwhile."""
        await self.chain_audit()
        while True:
            start = await self._database.read(partial(audit.get_end, audit.CUT))
            wrong = await self._check_from(start)
            if wrong is None or await self.get_audit_cut() == start["number"]:
                return wrong

    async def _check_from(self, start: Row) -> int | None:
        number, total, ended_at = start["number"], start["sum"], None
        while True:
            rows, newest = await self._database.read(partial(_list_from, number))
            for row in rows:
                total = audit.add_up(total, row)
                if row["number"] != number + 1 or row["sum"] != total:
                    return int(number + 1)
                number = row["number"]
            if (newest["number"], newest["sum"]) == (number, total):
                return None
            if not rows and ended_at == number:  # twice, for entries may have come after the rows were read
                return int(min(number, newest["number"]) + 1)
            ended_at = number

    async def find_made(self, actor: str, key: Key) -> list[tuple[str, int]] | None:
        return await self._database.read(partial(made.find, actor, key))


def _list_settings() -> Work[dict[str, str]]:
    return {row["name"]: row["value"] for row in (yield Query("list_settings"))}


def _change_settings(changes: Mapping[str, str], version: int | None, by: str) -> Work[dict[str, str]]:
    if not (yield Query("change_version", {"version": version or 0})):
        raise VersionChanged("somebody else changed the settings meanwhile", hint="read them again")
    yield Query("set_setting", many=[{"name": name, "value": changes[name]} for name in sorted(changes)])
    yield from audit.append(by, "settings.change", "settings", changes)
    yield _announce()
    return (yield from _list_settings())


def _announce() -> Query:
    return Query(ANNOUNCE, {"topic": "settings", "daemon_id": "", "number": 0})


def _get_epoch() -> Work[str]:
    """Return the epoch, made at the first start."""
    made = one((yield Query("add_setting", {"name": EPOCH, "value": secrets.token_hex(8)})))
    row = made or one((yield Query("get_setting", {"name": EPOCH})))
    assert row is not None  # noqa: S101 - it was there, or was just made
    return str(row["value"])


def _begin_epoch(by: str) -> Work[str]:
    epoch = secrets.token_hex(8)
    yield Query("set_setting", {"name": EPOCH, "value": epoch})
    yield from audit.append(by, "epoch.begin", epoch, {})
    yield _announce()
    return epoch


def _list_audit(cursor: str | None, limit: int) -> Work[Page[AuditEntry]]:
    (number,) = read_cursor(cursor, (_LAST,))
    rows = yield Query("list_audit", {"number": number, "limit": limit + 1})
    page = rows[:limit]
    return Page([_read_entry(row) for row in page], write_cursor((page[-1]["number"],)) if len(rows) > limit else None)


def _list_from(number: int) -> Work[tuple[list[Row], Row]]:
    rows = yield Query("list_audit_from", {"number": number, "limit": _CHECKED_COUNT})
    return list(rows), (yield from audit.get_end(audit.NEWEST))


def _read_entry(row: Row) -> AuditEntry:
    return AuditEntry(
        number=row["number"],
        at=known_time(row["at"]),
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        details=read_json(row["details"]) or {},
        sum=row["sum"],
    )
