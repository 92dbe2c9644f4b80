"""What became of confirmed tasks, `task-history.yml`: one offered again is known, and its result kept a while."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from ..protocol import codec
from .entries import Entry, Step, read_fields
from .journal import StorageFailed
from .records import read_lines, write_fields, write_line
from .storage import Folder

NAME: Final = "task-history.yml"
_STEP = "history"
_KEPT_DAYS = 30
_KEPT_COUNT = 50_000
_DATA_DAYS = 7
_DATA_BYTES = 32 * 1024 * 1024
_SLACK_COUNT = 5_000
_SLACK_BYTES = 16 * 1024 * 1024
_PART_BYTES = 1024 * 1024
# A longer time between two tombstones is none that has passed, but a clock that was set.
_LONGEST = timedelta(days=60)


class Tombstone(NamedTuple):
    """A task that is over and confirmed; `data` is None once its result is not kept any more.

    `operation` and `server`, an alias, are for whoever looks it up; None where that is not known.
    """

    key: str
    digest: str
    status: str
    data: Mapping[str, Any] | None
    confirmed_at: datetime
    operation: str | None = None
    server: str | None = None


class _Place(NamedTuple):
    """Where the newest record about a task lies in the file, and when that task was confirmed."""

    offset_bytes: int
    size_bytes: int
    confirmed_at: datetime


class History:
    """The tombstones: their places in memory, they themselves on the disk. For one thread at a time."""

    def __init__(self, folder: Folder, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Read what is there; a damaged line is as good as none. Raises `OSError`."""
        self._folder, self._now = folder, now
        self._number = self._file_bytes = 0
        self._places: dict[str, _Place] = {}
        self._is_torn = self._is_stale = False
        self._read()
        self._trim_if_worth(is_start=True)

    def remember(self, entries: Iterable[Entry]) -> None:
        """Keep what became of confirmed tasks; durable on return, and safe to repeat. Raises `OSError`."""
        at = self._now()
        lines = [(entry.key, self._write_tombstone(entry, at)) for entry in entries]
        if not lines:
            return
        if self._is_torn:
            self._trim()
        log = self._folder.open_log(NAME)
        self._is_torn = True
        try:
            for _, line in lines:
                log.append(line)
            log.sync()
        finally:
            log.close()
        self._is_torn = False
        for key, line in lines:
            self._places.pop(key, None)
            self._places[key] = _Place(self._file_bytes, len(line), at)
            self._file_bytes += len(line)
        self._trim_if_worth()

    def find(self, key: str) -> Tombstone | None:
        """Return what became of a task, None if that is not known; raises `StorageFailed` if it cannot be looked up."""
        try:
            if self._is_stale:
                self._read()
            place = self._places.get(key)
            record = self._look_up(key, place) if place is not None else None
        except OSError as exc:
            raise StorageFailed(f"{NAME} cannot be read: {exc.strerror or exc}") from exc
        return read_tombstone(record) if record is not None else None

    def _look_up(self, key: str, place: _Place) -> dict[str, Any] | None:
        records = read_lines(self._folder.read_part(NAME, place.offset_bytes, place.size_bytes)).records
        return records[0] if records and records[0]["Task"] == key else None

    def _write_tombstone(self, entry: Entry, at: datetime) -> bytes:
        self._number += 1
        outcome, received = entry.steps.get(Step.OUTCOME, {}), entry.steps.get(Step.RECEIVED, {})
        content = received.get("Content")
        data = outcome.get("Data") or {}
        fields = {
            "Operation": content.get("Operation") if isinstance(content, dict) else None,
            "Server": received.get("Server"),
            "Digest": received.get("Digest") or "",
            "Status": outcome.get("Status") or "error",
            "DataDigest": codec.digest(data),
            "Data": data,
        }
        return write_line(self._number, entry.key, _STEP, at.isoformat(timespec="milliseconds"), write_fields(fields))

    def _read(self) -> None:
        """Learn what the file holds."""
        self._places.clear()
        self._file_bytes = 0
        for start_bytes, data in self._list_parts():
            self._note(data, start_bytes)
            self._file_bytes += len(data)
            self._is_torn = self._is_torn or not data.endswith(b"\n")
        self._is_stale = False

    def _list_parts(self) -> Iterator[tuple[int, bytes]]:
        """Yield the file's lines, some at a time: it may be large, and its records in memory far larger."""
        start_bytes, rest = 0, b""
        while part := self._folder.read_part(NAME, start_bytes + len(rest), _PART_BYTES):
            data = rest + part
            end = data.rfind(b"\n") + 1
            if end:
                yield start_bytes, data[:end]
            start_bytes, rest = start_bytes + end, data[end:]
        if rest:
            yield start_bytes, rest

    def _note(self, data: bytes, start_bytes: int) -> None:
        """Learn where the records of some lines lie, which begin at that place of the file."""
        reading = read_lines(data)
        ends = [*reading.offsets[1:], reading.sound_bytes][: len(reading.records)]
        for record, offset, end in zip(reading.records, reading.offsets, ends, strict=True):
            self._number = max(self._number, record["LSN"])
            told = read_tombstone(record)
            if told is not None:
                self._places.pop(told.key, None)
                self._places[told.key] = _Place(start_bytes + offset, end - offset, told.confirmed_at)

    def _trim_if_worth(self, *, is_start: bool = False) -> None:
        count_max = _KEPT_COUNT + (0 if is_start else _SLACK_COUNT)
        bytes_max = _DATA_BYTES + _SLACK_BYTES
        is_old = self._find_greatest_age() > timedelta(days=_KEPT_DAYS + 1)
        if len(self._places) > count_max or self._file_bytes > bytes_max or is_old:
            with suppress(OSError):  # too long is no harm, and a full disk is told of by the journal
                self._trim()

    def _find_greatest_age(self) -> timedelta:
        """Return the age of the oldest; that of all is reckoned only where the dates give a reason to."""
        oldest = next(iter(self._places.values()), None)
        age = timedelta() if oldest is None else self._now() - oldest.confirmed_at
        return age if age < _LONGEST else max(age for _, _, age in self._list_ages())

    def _list_ages(self) -> Iterator[tuple[str, _Place, timedelta]]:
        """Yield the places, the newest first, each with the time that has passed since, as far as that is believed."""
        at, age = self._now(), timedelta()
        for key, place in reversed(self._places.items()):
            gap, at = at - place.confirmed_at, place.confirmed_at
            age += gap if timedelta() < gap < _LONGEST else timedelta()
            yield key, place, age

    def _trim(self) -> None:
        """Write a new file without what is not to be kept any more. Raises `OSError`; either file may be there then."""
        if self._is_stale:
            self._read()
        places: dict[str, _Place] = {}
        size_bytes = 0
        name = f"{NAME}.new"
        self._folder.remove(name)
        log = self._folder.open_log(name)
        try:
            for lines in self._write_anew(self._choose()):
                for key, line in lines:
                    places[key] = self._places[key]._replace(offset_bytes=size_bytes, size_bytes=len(line))
                    size_bytes += len(line)
                log.append(b"".join(line for _, line in lines))
            log.sync()
        finally:
            log.close()
        self._is_torn = self._is_stale = True
        self._folder.rename(name, NAME)
        self._is_torn = self._is_stale = False
        self._places, self._file_bytes = places, size_bytes

    def _choose(self) -> dict[str, bool]:
        """Return whose records are still to be kept, and whether with the result."""
        left_bytes = _DATA_BYTES
        chosen: dict[str, bool] = {}
        for key, place, age in islice(self._list_ages(), _KEPT_COUNT):
            left_bytes -= place.size_bytes
            if age <= timedelta(days=_KEPT_DAYS):
                chosen[key] = age <= timedelta(days=_DATA_DAYS) and left_bytes >= 0
        return chosen

    def _write_anew(self, chosen: Mapping[str, bool]) -> Iterator[list[tuple[str, bytes]]]:
        """Yield the lines of what was chosen, some at a time, as they follow each other in the file."""
        for start_bytes, data in self._list_parts():
            reading = read_lines(data)
            lines = []
            for record, offset in zip(reading.records, reading.offsets, strict=True):
                key = record["Task"]
                place = self._places.get(key)
                if place is not None and key in chosen and place.offset_bytes == start_bytes + offset:
                    line = data[offset : offset + place.size_bytes]
                    if not chosen[key] or line.find(b"\n") + 1 != len(line):
                        fields = {**read_fields(record), **({} if chosen[key] else {"Data": None})}
                        line = write_line(record["LSN"], key, _STEP, record["At"], write_fields(fields))
                    lines.append((key, line))
            yield lines


def read_tombstone(record: Mapping[str, Any]) -> Tombstone | None:
    """Read one record of the history; None if it is none."""
    data, operation, server = (record.get(name) for name in ("Data", "Operation", "Server"))
    try:
        at = datetime.fromisoformat(record["At"])
        return Tombstone(
            key=record["Task"],
            digest=str(record["Digest"]),
            status=str(record["Status"]),
            data=data if isinstance(data, dict) else None,
            confirmed_at=at if at.tzinfo is not None else at.replace(tzinfo=UTC),
            operation=operation if isinstance(operation, str) else None,
            server=server if isinstance(server, str) else None,
        )
    except (KeyError, ValueError):
        return None
