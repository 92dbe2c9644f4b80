"""What the files of a state folder say to a person who looks at them, and mending them as a daemon's start would."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from .. import errors
from . import history, journal
from .entries import Entry, Step, fold
from .history import Tombstone, read_tombstone
from .journal import Journal
from .records import Piece, list_pieces, read_lines
from .storage import DiskFolder, Folder, PathFolder, describe_at_start, keep_copy, open_folder, write

_READS_COUNT = 3
_PART_BYTES = 1024 * 1024


class Gap(NamedTuple):
    """Records that are missing before a line: so many of the numbers between `after` and its own `number`."""

    line: int
    after: int
    number: int
    missing_count: int


class FileState(NamedTuple):
    """One file as it was found; `size_bytes` is None if there is none.

    Of the history, which may be large, only those `pieces` are here that were asked for, and all that are no records.
    `is_unfinished` says that its last line is whole but for its end, `is_damaged` that records are missing or spoilt.
    Numbers of the history may jump, for what is not kept any more leaves it: only the task list has `gaps`.
    """

    name: str
    size_bytes: int | None
    records_count: int
    pieces: Sequence[Piece]
    gaps: Sequence[Gap]
    is_damaged: bool
    is_unfinished: bool

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """The sound records, in order."""
        return [piece.record for piece in self.pieces if piece.record is not None]

    @property
    def damaged(self) -> list[Piece]:
        """What should be a record and is none."""
        return [piece for piece in self.pieces if piece.record is None and not piece.is_torn]

    @property
    def torn_bytes(self) -> int:
        """How much of a last line is there that was never finished, so that nothing came of it."""
        return sum(len(piece.text) for piece in self.pieces if piece.is_torn)

    @property
    def is_sound(self) -> bool:
        """Say whether all of it can be believed."""
        return not (self.is_damaged or self.torn_bytes or self.is_unfinished)


class Doubt(NamedTuple):
    """A task that damage puts in doubt; `step` is how far the sound records say it is, None if there are none."""

    key: str
    step: Step | None


class State(NamedTuple):
    """Both files, the tasks as a daemon would go on with them, and those that damage puts in doubt.

    `has_lost` says that there may have been tasks of which nothing is left.
    """

    tasks: FileState
    history: FileState
    entries: Mapping[str, Entry]
    doubts: Sequence[Doubt]
    has_lost: bool

    @property
    def is_sound(self) -> bool:
        """Say whether all of both can be believed."""
        return self.tasks.is_sound and self.history.is_sound


@contextmanager
def opened(path: str) -> Iterator[PathFolder | None]:
    """Hold a state folder open to look into it; None if there is none, and none is made."""
    folder = open_folder(path) if os.path.lexists(path) else None
    try:
        yield folder
    finally:
        if isinstance(folder, DiskFolder):
            folder.close()


def read_entries(folder: Folder | None) -> dict[str, Entry]:
    """Return the tasks of the task list, those in doubt marked."""
    reading = read_lines(_read(folder, journal.NAME) or b"")
    return fold(reading.records, reading.damage)


def read_past(folder: Folder | None) -> Iterator[Tombstone]:
    """Yield the tasks of the history, the oldest first; of one that is there twice the later counts."""
    for part in _part(_read(folder, history.NAME) or b""):
        yield from filter(None, map(read_tombstone, read_lines(part).records))


def inspect(folder: Folder | None, is_wanted: Callable[[str], bool] = lambda key: False) -> State:
    """Read both files; any bytes give a state. `is_wanted` says of which tasks the records in the history are wanted.

    Raises `InputOutputFailed` for what cannot be read.
    """
    data = _read(folder, journal.NAME)
    reading = read_lines(data or b"")
    pieces = list_pieces(data or b"")
    tasks = _judge(journal.NAME, data, pieces)._replace(is_damaged=reading.damage.is_any, gaps=list(_find_gaps(pieces)))
    entries = fold(reading.records, reading.damage)
    last = {record["Task"]: record for record in reading.records}
    doubts = [
        Doubt(key, entry.step if key in last else None)
        for key, entry in entries.items()
        if entry.is_uncertain and "Uncertain" not in last.get(key, ())
    ]
    past = _judge_past(_read(folder, history.NAME), is_wanted)
    has_lost = journal.may_have_lost(reading, entries) or _read(folder, journal.LOSS) is not None
    return State(tasks, past, entries, doubts, has_lost)


def repair(folder: Folder, state: State, at: datetime) -> list[str]:
    """Write anew what is not sound of both files, and return the names of the copies that are kept.

    The caller holds the lock of the folder. Raises what `describe_at_start` returns; then a file is as it was, or
    mended.
    """
    try:
        copies = [_keep(folder, file.name, at) for file in (state.tasks, state.history) if not file.is_sound]
        if not state.tasks.is_sound:
            Journal(folder, lambda: at).close()  # it mends what it finds, in the way of every start
        if not state.history.is_sound:
            _mend_history(folder)
    except OSError as exc:
        raise describe_at_start(exc) from exc
    return copies


def _keep(folder: Folder, name: str, at: datetime) -> str:
    return keep_copy(folder, name, folder.read(name) or b"", at)


def _mend_history(folder: Folder) -> None:
    """Leave out what is no record: the history takes a damaged line for none as it is."""
    pieces = [piece for part in _part(folder.read(history.NAME) or b"") for piece in list_pieces(part)]
    write(folder, history.NAME, b"".join(_end(piece.text) for piece in pieces if piece.record is not None))


def _end(text: bytes) -> bytes:
    """Return the line of a sound record with its end, which may be missing or be another byte."""
    line = text.removesuffix(b"\n") + b"\n"
    return line if list_pieces(line)[0].record is not None else text[:-1] + b"\n"


def _read(folder: Folder | None, name: str) -> bytes | None:
    """Read a file; a last line that a running daemon is writing at this moment gets the time to be whole."""
    data: bytes | None = None
    try:
        for _ in range(_READS_COUNT):
            data = folder.read(name) if folder is not None else None
            if not data or data.endswith(b"\n"):
                break
    except OSError as exc:
        raise errors.InputOutputFailed(f"{name} cannot be read: {exc.strerror or exc}") from exc
    return data


def _judge_past(data: bytes | None, is_wanted: Callable[[str], bool]) -> FileState:
    kept: list[Piece] = []
    records_count = lines_count = 0
    for part in _part(data or b""):
        pieces = list_pieces(part)
        wanted = [piece for piece in pieces if piece.record is None or (piece.key and is_wanted(piece.key))]
        kept += (piece._replace(line=piece.line + lines_count) for piece in wanted)
        records_count += sum(piece.record is not None for piece in pieces)
        lines_count += part.count(b"\n")
    return _judge(history.NAME, data, kept)._replace(records_count=records_count)


def _part(data: bytes) -> Iterator[bytes]:
    """Yield a file in parts of whole lines: all of its records at once would need ten times its size."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + _PART_BYTES) + 1 or len(data)
        yield data[start:end]
        start = end


def _judge(name: str, data: bytes | None, pieces: Sequence[Piece]) -> FileState:
    is_torn = any(piece.is_torn for piece in pieces)
    is_unfinished = bool(data) and not is_torn and not (data or b"").endswith(b"\n")
    size_bytes = None if data is None else len(data)
    is_damaged = any(piece.record is None and not piece.is_torn for piece in pieces)
    records_count = sum(piece.record is not None for piece in pieces)
    return FileState(name, size_bytes, records_count, pieces, (), is_damaged, is_unfinished)


def _find_gaps(pieces: Sequence[Piece]) -> Iterator[Gap]:
    """Yield where numbers are missing that no damaged line there stands for."""
    previous = damaged_count = 0
    for piece in pieces:
        if piece.record is None:
            damaged_count += 1
            continue
        number = piece.record["LSN"]
        missing_count = number - previous - 1 - damaged_count
        if previous and missing_count > 0:
            yield Gap(piece.line, previous, number, missing_count)
        previous, damaged_count = max(previous, number), 0
