"""What the daemon's journal costs, against the disk and the decoder it rests on: python -m benchmarks.journal.

Everything is measured in turns, so that a busy moment of the machine or its disk falls on both sides of a ratio; the
ratio that counts is the median of those of the turns. A journal's line and the raw one have the same bytes but for
their numbers, go to files that lie side by side and grow alike, and are synced in the same way, by turns.

Whether many callers are ten times as fast as one depends on the disk: the quicker its syncs, the less is there to be
shared, and each caller that waits is a thread that has to be woken. How often a second threads can wake each other and
do nothing else is measured too: more appends than that no journal could take from as many.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.measuring import print_table
from duplicati_client.daemon.entries import Step, fold
from duplicati_client.daemon.journal import NAME, Journal
from duplicati_client.daemon.records import read_lines
from duplicati_client.daemon.storage import open_folder

TURNS = 9
APPENDS_COUNT = 400
PIECES_COUNT = 8
CALLERS_COUNT = 64
APPENDS_A_CALLER = 100
TASKS_COUNT = 10_000
SINGLE_MIN, GROUP_MIN, RECOVERY_MAX = 0.8, 10.0, 5.0
RECEIVED = {
    "Content": {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": "3"}]},
    "Digest": "c029ab7f3be48d7fff5891821df46e1963e7370d98b37ea3fb8891046d79a7d1",
    "Server": "main",
}
DECIDED = {"Verdict": "accept", "Rule": "preset:run", "Policy": RECEIVED["Digest"]}


class Pair(NamedTuple):
    """What is measured and what it is compared with, in the same unit."""

    measured: float
    compared: float

    @property
    def ratio(self) -> float:
        """The one in terms of the other."""
        return self.measured / self.compared


def main() -> int:
    """Print the table; the status is 1 if a limit was missed."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARKS_FOLDER")) as folder:
        appends = [_measure_appends(Path(folder) / f"state-{turn}") for turn in range(TURNS)]
        recoveries = _measure_recoveries(Path(folder) / "many")
    singles = [Pair(single, raw) for raw, single, _ in appends]
    groups = [Pair(group, single) for _, single, group in appends]
    hops = [_measure_hops() for _ in range(TURNS)]
    rows = [
        _row("appends/s by one caller, to raw append and fdatasync", singles, SINGLE_MIN, is_least=True),
        _row(f"appends/s by {CALLERS_COUNT} callers, to one caller", groups, GROUP_MIN, is_least=True),
        _row(
            f"ms to recover {TASKS_COUNT:,} tasks, to decoding with msgspec", recoveries, RECOVERY_MAX, is_least=False
        ),
    ]
    rows.append([f"(wake-ups/s among {CALLERS_COUNT} threads)", f"{statistics.median(hops):,.0f}", "", "", "", ""])
    print_table(f"the journal: median of {TURNS} turns", ["", "journal", "compared", "ratio", "limit", ""], rows)
    return int(any("MISSED" in row for row in rows))


def _row(title: str, pairs: list[Pair], limit: float, *, is_least: bool) -> list[str]:
    ratio = statistics.median(pair.ratio for pair in pairs)
    is_kept = ratio >= limit if is_least else ratio < limit
    measured, compared = (statistics.median(column) for column in zip(*pairs, strict=True))
    sign = "≥" if is_least else "<"
    kept = "kept" if is_kept else "MISSED"
    return [title, f"{measured:,.0f}", f"{compared:,.0f}", f"{ratio:.2f}", f"{sign} {limit:g}", kept]


def _measure_appends(folder: Path) -> tuple[float, float, float]:
    """Return appends a second: raw, by one caller of a journal, by many."""
    journal = Journal(open_folder(str(folder)))
    journal.record("i:0", Step.RECEIVED, RECEIVED)
    line = (folder / NAME).read_bytes()
    raw = single = 0.0
    piece_count = APPENDS_COUNT // PIECES_COUNT
    for piece in range(PIECES_COUNT):
        raw += _time(lambda: _append_raw(folder / "raw", line, piece_count))
        single += _time(partial(_record, journal, 1 + piece, piece_count))
    group = _time_at_once(lambda caller: _record(journal, 100 + caller, APPENDS_A_CALLER))
    journal.close()
    return APPENDS_COUNT / raw, APPENDS_COUNT / single, CALLERS_COUNT * APPENDS_A_CALLER / group


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _append_raw(path: Path, line: bytes, count: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(count):
        os.write(descriptor, line)
        os.fdatasync(descriptor)
    os.close(descriptor)


def _record(journal: Journal, caller: int, count: int) -> None:
    for number in range(count):
        journal.record(f"i:{caller * count + number}", Step.RECEIVED, RECEIVED)


def _time_at_once(call: Callable[[int], None]) -> float:
    """Return the seconds that all callers take together, from the moment in which each of them is there."""
    ready = threading.Barrier(CALLERS_COUNT + 1)

    def begin(caller: int) -> None:
        ready.wait()
        call(caller)

    callers = [threading.Thread(target=begin, args=(caller,)) for caller in range(CALLERS_COUNT)]
    for caller in callers:
        caller.start()
    ready.wait()
    return _time(lambda: [caller.join() for caller in callers])


def _measure_hops() -> float:
    """Return how often a second a thread of as many wakes the next, which is what an append of many costs at least."""
    gates = [threading.Lock() for _ in range(CALLERS_COUNT)]
    for gate in gates[1:]:
        gate.acquire()

    def call(caller: int) -> None:
        for _ in range(APPENDS_A_CALLER):
            gates[caller].acquire()
            gates[(caller + 1) % CALLERS_COUNT].release()

    return CALLERS_COUNT * APPENDS_A_CALLER / _time_at_once(call)


def _measure_recoveries(path: Path) -> list[Pair]:
    """Return milliseconds to recover many tasks, and to decode the same lines and do nothing with them."""
    folder = open_folder(str(path))
    journal = Journal(folder)
    callers = [
        threading.Thread(target=_fill, args=(journal, range(start, TASKS_COUNT, CALLERS_COUNT)))
        for start in range(CALLERS_COUNT)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    journal.close()
    decoder = msgspec.json.Decoder()

    def decode() -> None:
        kept = [decoder.decode(line[2:]) for line in (folder.read(NAME) or b"").split(b"\n") if line]
        assert len(kept) == 2 * TASKS_COUNT

    def recover() -> None:
        reading = read_lines(folder.read(NAME) or b"")
        assert len(fold(reading.records, reading.damage)) == TASKS_COUNT

    return [Pair(1000 * _time(recover), 1000 * _time(decode)) for _ in range(TURNS)]


def _fill(journal: Journal, numbers: range) -> None:
    for number in numbers:
        journal.record(f"i:{number}", Step.RECEIVED, RECEIVED)
        journal.record(f"i:{number}", Step.DECIDED, DECIDED)


if __name__ == "__main__":
    sys.exit(main())
