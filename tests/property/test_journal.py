"""Any bytes can be read, and whatever is recorded, compacted and cut short adds up to what memory would say."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from duplicati_client.daemon.entries import Entry, Step, fold
from duplicati_client.daemon.history import NAME as HISTORY
from duplicati_client.daemon.history import History
from duplicati_client.daemon.journal import NAME, Journal, Opening, StorageFailed
from duplicati_client.daemon.records import list_pieces, read_lines, write_fields, write_line
from tests.model_folder import Fault, ModelDisk
from tests.unit.daemon.bench import START_AT, Clock

AT = START_AT.isoformat()
KEYS = ("i:1", "s:1", "i:-3", "s:a.b:c_d-e")
TEXT = st.text(max_size=20)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(("Content", "Data", "Digest", "Status")), VALUE)
# What may follow each step of a task.
NEXT: dict[Step | None, tuple[Step, ...]] = {
    None: (Step.RECEIVED,),
    Step.RECEIVED: (Step.DECIDED,),
    Step.DECIDED: (Step.INTENT, Step.OUTCOME),
    Step.INTENT: (Step.SUBMITTED, Step.OUTCOME, Step.INTENT),
    Step.SUBMITTED: (Step.OUTCOME, Step.INTENT, Step.SUBMITTED),
    Step.OUTCOME: (Step.CONFIRMED,),
    Step.CONFIRMED: (Step.RECEIVED,),
}


def walk(moves: Sequence[tuple[str, int, Any]]) -> list[tuple[str, Step, Any]]:
    """Return records of tasks that go on as tasks do."""
    steps: dict[str, Step] = {}
    records = []
    for key, choice, fields in moves:
        following = NEXT[steps.get(key)]
        steps[key] = following[choice % len(following)]
        records.append((key, steps[key], fields))
    return records


RECORDS = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 5), FIELDS), max_size=12).map(walk)


def write_all(records: Sequence[tuple[str, Step, Any]]) -> list[bytes]:
    return [
        write_line(number + 1, key, step.value, AT, write_fields(fields))
        for number, (key, step, fields) in enumerate(records)
    ]


# --- lines ----------------------------------------------------------------------------------------------


@given(RECORDS)
def test_what_was_written_is_read_and_yaml_reads_the_same(records: list[Any]) -> None:
    data = b"".join(write_all(records))
    reading = read_lines(data)
    assert [(one["Task"], one["Step"]) for one in reading.records] == [(key, step.value) for key, step, _ in records]
    assert not reading.damage.is_any
    loaded = yaml.safe_load(data.decode("utf-8")) or []
    for record, one, (_, _, fields) in zip(reading.records, loaded, records, strict=True):
        assert is_same(fields, {name: record[name] for name in fields})
        assert is_same(fields, {name: one[name] for name in fields})


def is_same(one: Any, other: Any) -> bool:
    """Compare with types, for True is 1 and -0.0 is 0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_reading(data: bytes) -> None:
    check_reading(data)


@given(RECORDS, st.data())
def test_any_damage_gives_a_reading(records: list[Any], draw: st.DataObject) -> None:
    data = bytearray(b"".join(write_all(records)))
    for _ in range(draw.draw(st.integers(1, 4))):
        start = draw.draw(st.integers(0, len(data)))
        end = start + draw.draw(st.integers(0, 80))
        data[start:end] = draw.draw(st.binary(max_size=80) | st.just(bytes(max(0, min(end, len(data)) - start))))
    check_reading(bytes(data))


def check_reading(data: bytes) -> None:
    reading = read_lines(data)
    entries = fold(reading.records, reading.damage)
    assert {record["Task"] for record in reading.records if record["Step"] in set(Step)} <= entries.keys()
    assert 0 <= reading.sound_bytes <= len(data)
    pieces = list_pieces(data)
    assert b"".join(piece.text for piece in pieces) == data
    assert [piece.record for piece in pieces if piece.record is not None] == reading.records
    assert sum(len(piece.text) for piece in pieces if piece.is_torn) == reading.torn_bytes
    journal = Journal(ModelDisk({NAME: data}).mount())
    assert journal.entries.keys() == entries.keys()
    History(ModelDisk({HISTORY: data}).mount())


@given(RECORDS.filter(len), st.data())
def test_one_spoilt_place_leaves_every_other_task_as_it_was(records: list[Any], draw: st.DataObject) -> None:
    lines = write_all(records)
    index = draw.draw(st.integers(0, len(lines) - 1))
    at = draw.draw(st.integers(0, len(lines[index]) - 1))
    value = draw.draw(st.integers(0, 255))
    spoilt = lines[index][:at] + bytes([value]) + lines[index][at + 1 :]
    before = read_lines(b"".join(lines))
    after = read_lines(b"".join([*lines[:index], spoilt, *lines[index + 1 :]]))
    expected, found = fold(before.records, before.damage), fold(after.records, after.damage)
    owner = records[index][0]
    for key in (expected.keys() | found.keys()) - {owner}:
        assert found.get(key) == expected.get(key)
    is_begun = owner in expected and expected[owner].step in (Step.INTENT, Step.SUBMITTED)
    if is_begun and found.get(owner) != expected[owner]:
        assert found[owner].is_uncertain


# --- the journal ----------------------------------------------------------------------------------------


class Machine:
    """A journal over crashes and failures, and what memory says of it.

    `may_be` holds what is allowed to be found of each task: what is durable, and what was asked for since.
    """

    def __init__(self, seed: int) -> None:
        self.clock = Clock()
        self.disk = ModelDisk(seed=seed, block_bytes=32)
        self.faults: list[Fault] = []
        self.journal = self.open()
        self.asked: dict[str, Entry] = {}
        self.may_be: dict[str, list[Entry | None]] = {}

    def open(self) -> Journal:
        return Journal(self.disk.mount(), self.clock.now, self.clock)

    def fault(self, operation: str, times: int) -> None:
        self.faults.append(self.disk.fault(operation, errno.EIO, times=times))

    def record(self, key: str, choice: int, fields: Any) -> None:
        self.clock.seconds += 31
        known = self.asked.get(key)
        following = NEXT[known.step if known else None]
        step = following[choice % len(following)]
        at = self.clock.now().isoformat()
        self.asked[key] = (known or Entry(key, Step.RECEIVED, {})).after(step, fields, at)
        self.may_be.setdefault(key, [None]).append(self.asked[key])
        self.note(lambda: self.journal.record(key, step, fields))

    def compact(self) -> None:
        self.clock.seconds += 31
        gone = {key: entry for key, entry in self.asked.items() if entry.step is Step.CONFIRMED}
        for key in gone:
            del self.asked[key]
            self.may_be[key].append(None)
        self.note(self.journal.compact)

    def note(self, act: Callable[[], object]) -> None:
        """Do something after which all is durable, or nothing more is than was."""
        try:
            act()
        except StorageFailed:
            event("storage failed")
        else:
            self.may_be = {key: [entry] for key, entry in self.asked.items()}
        assert self.journal.entries == self.asked

    def restart(self) -> None:
        for fault in self.faults:
            fault.end()
        self.journal.close()
        self.journal = self.open()
        self.check(may_be_torn=self.journal.opening != Opening())

    def crash(self) -> None:
        image = self.disk.any_image()
        for kind in image.kinds:
            event(kind)
        self.disk = ModelDisk(image.files, seed=self.disk.operations_count, block_bytes=32)
        self.journal = self.open()
        self.check(may_be_torn="unsynced bytes torn" in image.kinds)

    def check(self, *, may_be_torn: bool) -> None:
        """Compare what is known now with what may be; a torn record may leave its task in doubt."""
        for key in self.may_be.keys() | self.journal.entries.keys():
            found = self.journal.entries.get(key)
            if found is not None and may_be_torn:
                found = found._replace(is_uncertain=False)
            assert found in self.may_be.get(key, []), key
        self.asked = dict(self.journal.entries)
        self.may_be = {key: [entry] for key, entry in self.asked.items()}


ACTIONS = st.one_of(
    st.tuples(st.just("record"), st.sampled_from(KEYS), st.integers(0, 5), FIELDS),
    st.tuples(st.just("compact")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("crash")),
    st.tuples(st.just("fault"), st.sampled_from(("append", "sync", "replace", "sync_names")), st.integers(1, 3)),
)


@given(st.integers(0, 2**32), st.lists(ACTIONS, max_size=25))
def test_whatever_is_done_adds_up_to_what_memory_says(seed: int, actions: list[Any]) -> None:
    machine = Machine(seed)
    for name, *what in actions:
        getattr(machine, name)(*what)
    machine.crash()


# --- the history ----------------------------------------------------------------------------------------

MOVES = st.one_of(
    st.tuples(st.just("remember"), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)),
    st.tuples(st.just("wait"), st.integers(0, 20)),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("crash"), st.none()),
    st.tuples(st.just("fail"), st.sampled_from(("append", "sync", "replace", "sync_names", "make"))),
)


@given(st.integers(0, 2**32), st.lists(MOVES, max_size=20))
def test_history_knows_what_was_confirmed_within_a_month(seed: int, moves: list[Any]) -> None:
    disk, clock = ModelDisk(seed=seed, block_bytes=32), Clock()
    history = History(disk.mount(), clock.now)
    known: dict[str, tuple[float, int]] = {}
    for number, (name, what) in enumerate(moves):
        if name == "wait":
            clock.seconds += what * 86_400
        elif name == "fail":
            disk.fault(what, errno.EIO)
        elif name == "remember":
            outcome = {Step.OUTCOME: {"Status": "completed", "Data": {"Number": number}}}
            entries = [Entry(key, Step.CONFIRMED, outcome) for key in what]
            with suppress(OSError):
                history.remember(entries)
                known.update(dict.fromkeys(what, (clock.seconds, number)))
        else:
            disk = ModelDisk(disk.any_image().files if name == "crash" else disk.files(), seed=number, block_bytes=32)
            history = History(disk.mount(), clock.now)
        check_history(history, known, clock.seconds)


def check_history(history: History, known: dict[str, tuple[float, int]], at: float) -> None:
    for key in KEYS:
        found = history.find(key)
        confirmed_at, number = known.get(key, (float("-inf"), 0))
        if at - confirmed_at <= 30 * 86_400:
            assert found is not None, key
            if at - confirmed_at <= 7 * 86_400:
                assert found.data is not None
                assert found.data["Number"] >= number
        elif found is None:
            known.pop(key, None)
