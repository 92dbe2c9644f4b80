"""The daemon's durable record of every open task, `task-list.yml`; it keeps what it is told and decides nothing."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from .. import errors
from .batch import Batch
from .entries import Damage, Entry, Step, fold
from .records import Reading, read_lines, write_fields, write_line
from .storage import Folder, Log, describe_at_start, keep_copy, write
from .threads import THREADS, Threads

__all__ = ["NAME", "Entry", "Journal", "Opening", "Step", "StorageFailed"]

NAME: Final = "task-list.yml"
BALLAST: Final = "ballast"
LOSS: Final = "tasks-lost"
_BALLAST_BYTES = 1024 * 1024
_COMPACT_BYTES = 4 * 1024 * 1024
_AGAIN_SECONDS = 30.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class StorageFailed(errors.InputOutputFailed):
    """Nothing can be made durable any more: no new effects, and what came of the old ones lives in memory only."""

    code = "storage-failed"
    default_hint = "see to the disk of the state folder; what was recorded stays, and the daemon goes on by itself"


class Opening(NamedTuple):
    """What was found at the start: bytes of a torn tail that were cut, damage, and the name of the copy kept of it.

    `doubtful_count`: how many tasks a damage puts in doubt.
    """

    torn_bytes: int = 0
    damage: Damage = Damage()
    copy: str | None = None
    doubtful_count: int = 0

    def describe_damage(self) -> str | None:
        """Tell people of a damage, None if there was none."""
        if not self.damage.is_any and self.copy is None:
            return None
        kept = f"a copy of it is {self.copy}" if self.copy else "there was no room for a copy of it"
        return f"the journal was damaged, which puts {self.doubtful_count} of its tasks in doubt; {kept}"


def may_have_lost(reading: Reading, entries: Mapping[str, Entry]) -> bool:
    """Say whether a damaged file may have held tasks of which nothing is left; `entries` is what its records give."""
    if reading.damage.is_about_strangers:
        return True
    return not entries and (reading.damage.is_any or reading.is_strange)


class _Tally:
    """The tasks that are not over: how many bytes of the file each takes, as far as it still counts."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.open_bytes = sum(sizes.values())

    def add(self, before: Entry | None, entry: Entry, size_bytes: int) -> None:
        """Count a line that takes a task from one entry, or none, to the next."""
        known_bytes = self.sizes.pop(entry.key, 0)
        self.open_bytes -= known_bytes
        if entry.step is Step.CONFIRMED:
            return
        if before is not None and entry.step in before.steps:  # it goes back: what it had been through since is gone
            gone = [fields for step, fields in before.steps.items() if entry.steps.get(step) is not fields]
            known_bytes -= sum(len(write_fields(fields)) for fields in gone)
        self.sizes[entry.key] = max(0, known_bytes) + size_bytes
        self.open_bytes += self.sizes[entry.key]


class Journal:
    """All open tasks, in memory and on the disk. Any thread may record; several share one sync.

    `has_lost` says that damage may have cost it tasks of which nothing is left, until `forget_loss`.
    """

    def __init__(
        self,
        folder: Folder,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        threads: Threads = THREADS,
    ) -> None:
        """Read what is there; raises `InputOutputFailed` or `ConfigurationInvalid` if nothing can be written."""
        self._folder, self._now, self._clock = folder, now, clock
        self._make_gate = threads.make_gate
        self._turn = threads.make_gate()
        self._batch = Batch(threads.make_gate, None)
        self._number = self._file_bytes = 0
        self._failed_at = 0.0
        self._log: Log | None = None
        self.failure: str | None = None
        self.has_lost = False
        self.entries: dict[str, Entry] = {}
        self.opening = self._recover()
        with self._turn:
            self._start()

    @property
    def is_failed(self) -> bool:
        """Say whether nothing can be made durable."""
        return self.failure is not None

    @property
    def open_count(self) -> int:
        """How many tasks are not over."""
        return len(self._tally.sizes)

    @property
    def open_bytes(self) -> int:
        """How many bytes of the file are about tasks that are not over."""
        return self._tally.open_bytes

    def record(self, key: str, step: Step, fields: Mapping[str, Any]) -> Entry:
        """Add a step and return when it is durable; raises `StorageFailed`, and memory has it all the same.

        The effect that it announces comes after. Fields that are no JSON raise `ValueError` or `TypeError`, and nothing
        has happened.
        """
        return self.record_all(key, {step: fields})

    def record_all(self, key: str, steps: Mapping[Step, Mapping[str, Any]]) -> Entry:
        """Add steps between which nothing happens, with one sync; of a torn file the first of them may be left."""
        texts = {step: write_fields(fields) for step, fields in steps.items()}
        with self._turn:
            batch = self._batch
            is_first = not batch.lines
            at = batch.at = self._now().isoformat() if is_first else batch.at
            lines = b"".join([self._add(key, step, fields, texts[step], at) for step, fields in steps.items()])
            entry = self.entries[key]
            if self.failure is not None:
                self._try_again()
                return entry
            batch.lines.append(lines)
            if is_first and (batch.before is None or batch.before.is_left):
                self._begin(batch)
        if is_first:
            self._write(batch)
        else:
            batch.wait()
        if batch.failure is not None:
            raise StorageFailed(batch.failure)
        return entry

    def revive(self) -> bool:
        """Say whether steps can be made durable; where that failed a while ago it is tried again."""
        with self._undisturbed():
            with suppress(StorageFailed):
                if self.failure is not None:
                    self._try_again()
            return self.failure is None

    def compact(self) -> list[Entry]:
        """Write the file anew without the confirmed tasks and return those; raises `StorageFailed`.

        The history has to have them before.
        """
        with self._undisturbed():
            gone = [entry for entry in self.entries.values() if entry.step is Step.CONFIRMED]
            for entry in gone:
                del self.entries[entry.key]
            self._rewrite()
            self._reserve()
        return gone

    def is_worth_compacting(self) -> bool:
        """Say whether most of a large file is about tasks that are over, or steps that no longer count."""
        return self._file_bytes > _COMPACT_BYTES and self._tally.open_bytes * 2 < self._file_bytes

    def forget_loss(self) -> None:
        """Take it that all tasks that were lost have been offered again."""
        if self.has_lost:
            self.has_lost = False
            with suppress(OSError):
                self._folder.remove(LOSS)

    def close(self) -> None:
        """Let go of the file; every step that was recorded is on the disk already."""
        with self._undisturbed():
            if self._log is not None:
                self._log.close()
                self._log = None

    # --- at the start ---------------------------------------------------------------------------------

    def _recover(self) -> Opening:
        try:
            data = self._folder.read(NAME) or b""
        except OSError as exc:
            raise errors.InputOutputFailed(f"{NAME} cannot be read: {exc.strerror}") from exc
        reading = read_lines(data)
        self.entries = fold(reading.records, reading.damage)
        self._number = max((record["LSN"] for record in reading.records), default=0)
        self._file_bytes = len(data)
        line_bytes = len(data) // max(1, len(reading.records))
        open_entries = [entry for entry in self.entries.values() if entry.step is not Step.CONFIRMED]
        self._tally = _Tally({entry.key: len(entry.steps) * line_bytes for entry in open_entries})
        self._is_unfinished = not reading.has_last_end
        is_damaged = reading.damage.is_any or reading.is_strange
        copy = self._keep_copy(data) if is_damaged else None
        doubtful_count = sum(entry.is_uncertain for entry in open_entries) if is_damaged else 0
        self._note_loss(has_lost=may_have_lost(reading, self.entries))
        return Opening(reading.torn_bytes, reading.damage, copy, doubtful_count)

    def _keep_copy(self, data: bytes) -> str | None:
        with suppress(OSError):  # a disk without room for it must not keep the daemon from starting
            return keep_copy(self._folder, NAME, data, self._now())
        return None

    def _note_loss(self, *, has_lost: bool) -> None:
        """Remember beyond the next start, for which the file is sound, that tasks may be missing from it."""
        with suppress(OSError):  # a disk without room for it must not keep the daemon from starting
            has_lost = has_lost or self._folder.read(LOSS) is not None
            if has_lost:
                write(self._folder, LOSS, b"")
        self.has_lost = has_lost

    def _start(self) -> None:
        try:
            with suppress(OSError):
                self._folder.remove(f"{NAME}.new")
            self._renew()
            self._reserve()
        except (OSError, StorageFailed) as exc:
            raise describe_at_start(exc) from exc

    def _renew(self) -> None:
        """Write a file that is there anew: no sync makes sure what an earlier process has left there in vain.

        Where there is no room for two of them, the one that is there has to do.
        """
        is_sound, number = self.opening == Opening() and not self._is_unfinished, self._number
        try:
            if self._file_bytes or not is_sound:
                self._rewrite()
                return
        except StorageFailed as exc:
            if not is_sound or getattr(exc.__cause__, "errno", None) not in _NO_ROOM:
                raise
            self.failure, self._number = None, number
        self._log = self._folder.open_log(NAME)
        if self._file_bytes:
            self._log.sync()

    def _reserve(self) -> None:
        """Keep room for the end of tasks; a disk that is full already has none to give."""
        with suppress(OSError):
            is_there = bool(self._folder.read_part(BALLAST, _BALLAST_BYTES - 1, 1))
            if not is_there and self._folder.room()[0] >= 2 * _BALLAST_BYTES:
                self._folder.reserve(BALLAST, _BALLAST_BYTES)

    # --- writing --------------------------------------------------------------------------------------

    def _add(self, key: str, step: Step, fields: Mapping[str, Any], text: str, at: str) -> bytes:
        """Add a step in memory; return its line."""
        known = self.entries.get(key)
        entry = Entry(key, step, {step: fields}, False, at, at) if known is None else known.after(step, fields, at)
        self.entries[key] = entry
        self._number += 1
        line = _write_step(self._number, entry, step, at, text)
        self._tally.add(known, entry, len(line))
        return line

    def _write(self, batch: Batch) -> None:
        """Write a batch when its turn comes, unless a whole new file holds it meanwhile."""
        if batch.before is not None:
            batch.before.wait_until_left()
            with self._turn:
                if batch.is_over:
                    return
                self._begin(batch)
        data, is_durable = b"".join(batch.lines), False
        try:
            is_durable = self._log is not None and _append(self._log, data)
        finally:
            with self._turn:
                if is_durable:
                    self._file_bytes += len(data)
                    batch.end()
                else:
                    self._save(batch)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Have the turn while nothing is being written."""
        while True:
            with self._turn:
                before = self._batch.before
                if before is None or before.is_over:
                    yield
                    return
            before.wait_for_end()

    # --- the caller holds the turn --------------------------------------------------------------------

    def _begin(self, batch: Batch) -> None:
        """Let a batch be written now, and others wait for the next one."""
        self._batch, batch.before = Batch(self._make_gate, batch), None

    def _save(self, batch: Batch) -> None:
        """End a batch that could not be written to this file, which is not to be gone on with: by another one."""
        failure: str | None = "it was not written"
        try:
            self._rewrite()
            failure = None
        except StorageFailed as exc:
            failure = exc.message
        finally:
            batch.end(failure)

    def _try_again(self) -> None:
        """Write everything anew now and then: the disk may have room again."""
        if self._clock() - self._failed_at < _AGAIN_SECONDS:
            raise StorageFailed(str(self.failure))
        self._rewrite()

    def _rewrite(self) -> None:
        """Write a whole new file from memory. A sync that failed is never tried again on its file."""
        batch = self._batch
        self._batch = Batch(self._make_gate, batch)
        lines: list[bytes] = []
        sizes: dict[str, int] = {}
        for entry in self.entries.values():
            at, begin = entry.received_at, len(lines)
            for step, fields in entry.steps.items():
                self._number += 1
                lines.append(_write_step(self._number, entry, step, at, write_fields(fields)))
                at = entry.changed_at
            if entry.step is not Step.CONFIRMED:
                sizes[entry.key] = sum(map(len, lines[begin:]))
        self._tally = _Tally(sizes)
        data = b"".join(lines)
        try:
            if self._log is not None:
                with suppress(OSError):
                    self._log.close()
                self._log = None
            self._write_with_ballast(data)
            self._log = self._folder.open_log(NAME)
        except OSError as exc:
            self.failure, self._failed_at = f"{NAME} cannot be written: {exc.strerror or exc}", self._clock()
            batch.end(self.failure)
            raise StorageFailed(self.failure) from exc
        if self.failure is not None:
            self.failure = None
            self._reserve()
        self._file_bytes = len(data)
        batch.end()

    def _write_with_ballast(self, data: bytes) -> None:
        try:
            write(self._folder, NAME, data)
        except OSError as exc:
            if exc.errno not in _NO_ROOM:
                raise
            self._folder.remove(BALLAST)
            write(self._folder, NAME, data)


def _append(log: Log, data: bytes) -> bool:
    """Make it durable at the end of a log, or say that this has failed."""
    try:
        log.append(data)
        log.sync()
    except OSError:
        return False
    return True


def _write_step(number: int, entry: Entry, step: Step, at: str, fields: str) -> bytes:
    if entry.is_uncertain and step is entry.step:
        fields = f'{fields},"Uncertain":true' if fields else '"Uncertain":true'
    return write_line(number, entry.key, step.value, at, fields)
