"""The journal: durable before it returns, whole after any failure, and what it does about a file that is not."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from duplicati_client import errors
from duplicati_client.daemon.entries import Damage, Step
from duplicati_client.daemon.journal import BALLAST, NAME, Journal, Opening, StorageFailed
from duplicati_client.daemon.records import read_lines
from duplicati_client.daemon.threads import Threads
from tests.model_folder import ModelDisk, ModelFolder
from tests.unit.daemon.bench import Clock

MEBIBYTE = 1024 * 1024
RECEIVED = {"Content": {"ID": 1, "Operation": "run"}, "Digest": "d", "Server": "main"}


def open_journal(disk: ModelDisk, clock: Clock | None = None) -> Journal:
    clock = clock or Clock()
    return Journal(disk.mount(), clock.now, clock)


def steps_of(journal: Journal) -> dict[str, dict[str, Any]]:
    return {
        key: {step.value: dict(fields) for step, fields in entry.steps.items()}
        for key, entry in journal.entries.items()
    }


def fill(journal: Journal) -> None:
    journal.record("i:1", Step.RECEIVED, RECEIVED)
    journal.record("i:1", Step.DECIDED, {"Verdict": "accept"})
    journal.record("s:1", Step.RECEIVED, {"Content": {"ID": "1"}})
    journal.record("i:1", Step.INTENT, {"Attempt": 1})


# --- what is recorded -----------------------------------------------------------------------------------


def test_step_is_on_the_disk_when_record_returns() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    for number in range(5):
        entry = journal.record(f"i:{number}", Step.RECEIVED, RECEIVED)
        assert entry is journal.entries[f"i:{number}"]
        for image in disk.images(limit=20):
            assert steps_of(open_journal(ModelDisk(image.files))) == steps_of(journal)


def test_steps_with_nothing_between_them_share_a_sync_and_a_torn_file_has_the_first() -> None:
    folder = Slow(ModelDisk())
    folder.may_go.set()
    journal = Journal(folder)
    before = folder.syncs_count
    entry = journal.record_all("i:1", {Step.RECEIVED: RECEIVED, Step.DECIDED: {"Verdict": "accept"}})
    assert folder.syncs_count == before + 1
    assert (entry.step, list(entry.steps)) == (Step.DECIDED, [Step.RECEIVED, Step.DECIDED])
    content = folder.read(NAME) or b""
    assert open_journal(ModelDisk({NAME: content})).entries == journal.entries
    torn = open_journal(ModelDisk({NAME: content[:-9]})).entries
    assert torn["i:1"].steps == {Step.RECEIVED: RECEIVED}


def test_journal_goes_on_where_another_process_left_it() -> None:
    disk, clock = ModelDisk(), Clock()
    fill(open_journal(disk, clock))
    clock.seconds += 60
    again = open_journal(disk, clock)
    assert again.opening == Opening()
    again.record("i:1", Step.SUBMITTED, {"ServerTask": 4})
    third = open_journal(disk, clock)
    assert list(steps_of(third)["i:1"]) == ["received", "decided", "intent", "submitted"]
    assert third.entries == again.entries
    numbers = [record["LSN"] for record in read_lines(disk.files()[NAME]).records]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_what_a_failed_sync_has_left_is_sure_after_the_next_start() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    fill(journal)
    fault = disk.fault("sync", errno.EIO, times=2)
    with pytest.raises(StorageFailed):
        journal.record("i:2", Step.RECEIVED, RECEIVED)
    assert fault.fired_count == 2
    again = open_journal(disk)
    for image in disk.images(limit=50):
        assert open_journal(ModelDisk(image.files)).entries == again.entries


def test_file_that_has_no_room_for_another_beside_it_is_gone_on_with() -> None:
    disk = ModelDisk(capacity_bytes=5 * MEBIBYTE)
    journal = open_journal(disk)
    journal.record("i:1", Step.RECEIVED, {"Content": "x" * 2 * MEBIBYTE})
    filler = disk.mount().open_log("filler")
    filler.append(bytes(disk.mount().room()[0]))
    again = open_journal(disk)
    assert disk.fired["full"]
    assert (again.is_failed, again.entries) == (False, journal.entries)
    disk.capacity_bytes += MEBIBYTE
    again.record("i:1", Step.DECIDED, {})
    third = open_journal(ModelDisk(disk.files()))
    assert (third.opening, third.entries) == (Opening(), again.entries)


def test_what_a_killed_process_has_left_unsynced_is_on_the_disk_once_it_is_read() -> None:
    disk = ModelDisk()
    fill(open_journal(disk))
    lines = disk.files()[NAME].splitlines(keepends=True)
    disk = ModelDisk({NAME: b"".join(lines[:-1])})
    disk.mount().open_log(NAME).append(lines[-1])
    journal = open_journal(disk)
    assert journal.entries["i:1"].step is Step.INTENT
    for image in disk.images(limit=20):
        assert steps_of(open_journal(ModelDisk(image.files))) == steps_of(journal)


def test_ids_of_two_types_are_two_tasks() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    journal.record("i:7", Step.RECEIVED, {"Content": {"ID": 7}})
    journal.record("s:7", Step.RECEIVED, {"Content": {"ID": "7"}})
    again = open_journal(disk)
    assert [again.entries[key].steps[Step.RECEIVED]["Content"]["ID"] for key in ("i:7", "s:7")] == [7, "7"]


def test_yaml_reads_the_file_whatever_a_task_says() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    texts = ["\u2028", "\x85", "\U0001f600", "\x7f", "\ud800", "no", "010", "12:30:45"]
    for number, text in enumerate(texts):
        journal.record(f"i:{number}", Step.RECEIVED, {"Content": {"Text": text, text: 1e16}})
    loaded = yaml.safe_load(disk.files()[NAME].decode("utf-8"))
    assert [one["Content"] for one in loaded] == [{"Text": text, text: 1e16} for text in texts]
    assert [entry.steps[Step.RECEIVED]["Content"] for entry in open_journal(disk).entries.values()] == [
        one["Content"] for one in loaded
    ]


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_what_is_no_json_is_refused_and_nothing_has_happened(value: Any) -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    fill(journal)
    before = dict(journal.entries)
    with pytest.raises((ValueError, TypeError)):
        journal.record("i:1", Step.OUTCOME, {"Data": value})
    assert journal.entries == before
    journal.record("i:1", Step.OUTCOME, {"Data": {}})
    journal.compact()
    assert open_journal(disk).opening == Opening()


# --- compaction -----------------------------------------------------------------------------------------


def confirm(journal: Journal, key: str) -> None:
    journal.record(key, Step.OUTCOME, {"Status": "completed", "Data": {}})
    journal.record(key, Step.CONFIRMED, {"Recorded": "recorded"})


def test_confirmed_tasks_leave_the_file_and_the_others_stay_as_they_are() -> None:
    disk, clock = ModelDisk(), Clock()
    journal = open_journal(disk, clock)
    fill(journal)
    confirm(journal, "i:1")
    left = journal.entries["s:1"]
    clock.seconds += 60
    assert [(entry.key, entry.step) for entry in journal.compact()] == [("i:1", Step.CONFIRMED)]
    assert b"i:1" not in disk.files()[NAME]
    assert open_journal(ModelDisk(disk.files()), clock).entries == {"s:1": left}
    journal.record("s:1", Step.DECIDED, {"Verdict": "accept"})
    assert open_journal(disk, clock).entries == journal.entries


def test_times_are_kept_over_a_new_file() -> None:
    disk, clock = ModelDisk(), Clock()
    journal = open_journal(disk, clock)
    journal.record("i:1", Step.RECEIVED, RECEIVED)
    clock.seconds += 3600
    journal.record("i:1", Step.DECIDED, {"Verdict": "accept"})
    clock.seconds += 3600
    journal.compact()
    again = open_journal(disk, clock).entries["i:1"]
    assert (again.received_at, again.changed_at) == (
        "2026-11-24T12:00:00+00:00",
        "2026-11-24T13:00:00+00:00",
    )


def test_file_is_written_anew_at_the_start_if_most_of_it_counts_no_more() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    journal.record("i:1", Step.RECEIVED, RECEIVED)
    for number in range(50):
        journal.record("i:1", Step.INTENT, {"Attempt": number, "Baseline": "x" * 100_000})
    assert len(disk.files()[NAME]) > 4 * MEBIBYTE
    assert journal.is_worth_compacting()
    again = open_journal(disk)
    assert len(disk.files()[NAME]) < MEBIBYTE
    assert again.entries["i:1"].steps[Step.INTENT]["Attempt"] == 49
    assert not again.is_worth_compacting()


def test_open_tasks_are_counted_with_the_bytes_that_still_count() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    fill(journal)
    assert (journal.open_count, journal.open_bytes) == (2, len(disk.files()[NAME]))
    for number in range(20):
        journal.record("i:1", Step.INTENT, {"Attempt": number, "Baseline": "x" * 10_000})
    assert 10_000 < journal.open_bytes < 20_000
    journal.compact()
    assert (journal.open_count, journal.open_bytes) == (2, len(disk.files()[NAME]))
    assert open_journal(ModelDisk(disk.files())).open_count == 2
    confirm(journal, "i:1")
    confirm(journal, "s:1")
    assert (journal.open_count, journal.open_bytes) == (0, 0)
    assert (open_journal(disk).open_count, open_journal(disk).open_bytes) == (0, 0)


# --- what is found at the start -------------------------------------------------------------------------


def test_torn_tail_is_cut_and_reported_and_no_copy_is_made() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    fill(journal)
    content = disk.files()[NAME]
    for size_bytes in (1, 60, 200):
        disk = ModelDisk({NAME: content + content[:size_bytes]})
        again = open_journal(disk)
        assert again.opening == Opening(torn_bytes=size_bytes)
        assert again.entries == journal.entries
        again.record("i:2", Step.RECEIVED, RECEIVED)
        assert open_journal(disk).opening == Opening()


def test_first_record_of_all_that_is_torn_is_cut_and_no_damage() -> None:
    disk = ModelDisk()
    open_journal(disk).record("i:1", Step.RECEIVED, RECEIVED)
    line = disk.files()[NAME]
    for size_bytes in range(1, len(line) - 1):
        journal = open_journal(ModelDisk({NAME: line[:size_bytes]}))
        assert (journal.opening, journal.entries) == (Opening(torn_bytes=size_bytes), {})


@pytest.mark.parametrize("content", [b"hello", b"\0" * 300, b"- [1, 2", b"\n", b"\xff\xfe"])
def test_file_that_nothing_of_the_journal_is_left_of_is_kept_as_a_copy(content: bytes) -> None:
    disk = ModelDisk({NAME: content})
    journal = open_journal(disk)
    assert journal.entries == {}
    assert disk.files()[str(journal.opening.copy)] == content


def test_line_without_its_end_gets_one_before_anything_is_appended() -> None:
    disk = ModelDisk()
    fill(open_journal(disk))
    disk = ModelDisk({NAME: disk.files()[NAME][:-1]})
    journal = open_journal(disk)
    journal.record("i:2", Step.RECEIVED, RECEIVED)
    assert len(yaml.safe_load(disk.files()[NAME])) == 5
    assert open_journal(disk).entries == journal.entries


def test_damaged_record_puts_its_task_in_doubt_until_it_goes_on_and_a_copy_is_kept() -> None:
    disk = ModelDisk()
    fill(open_journal(disk))
    content = disk.files()[NAME].replace(b'"Attempt":1', b'"Attempt":9')
    disk = ModelDisk({NAME: content})
    journal = open_journal(disk)
    assert journal.opening.damage == Damage(lost=(("i:1", "intent"),))
    copy = journal.opening.copy
    assert copy == "task-list.damaged-20261124T120000.yml"
    assert disk.files()[copy] == content
    for _ in range(2):
        assert {key: entry.is_uncertain for key, entry in journal.entries.items()} == {"i:1": True, "s:1": False}
        journal = open_journal(disk)
        assert journal.opening == Opening()
    journal.record("i:1", Step.INTENT, {"Attempt": 2})
    assert not open_journal(disk).entries["i:1"].is_uncertain


def test_unreadable_file_is_set_aside_a_few_times_and_the_daemon_starts() -> None:
    clock, disk = Clock(), ModelDisk()
    for number in range(8):
        clock.seconds += 1
        disk = ModelDisk({**disk.files(), NAME: b"\x00garbage %d\n" % number})
        journal = open_journal(disk, clock)
        assert journal.entries == {}
        assert disk.files()[str(journal.opening.copy)] == b"\x00garbage %d\n" % number
        journal.record("i:1", Step.RECEIVED, RECEIVED)
    copies = [content for name, content in sorted(disk.files().items()) if "damaged" in name]
    assert copies == [b"\x00garbage %d\n" % number for number in range(3, 8)]


def test_copy_that_cannot_be_kept_keeps_no_daemon_from_starting() -> None:
    disk = ModelDisk({NAME: b"garbage\n"})
    fault = disk.fault("make", errno.ENOSPC, name="task-list.damaged-20261124T120000.yml.new")
    journal = open_journal(disk)
    assert (fault.fired_count, journal.opening.copy) == (1, None)
    journal.record("i:1", Step.RECEIVED, RECEIVED)
    assert list(open_journal(disk).entries) == ["i:1"]


@pytest.mark.parametrize(("operation", "number"), [("read", errno.EIO), ("write", errno.EROFS), ("any", errno.EIO)])
def test_disk_that_can_not_be_read_or_written_at_the_start_ends_it_with_one_clear_line(
    operation: str, number: int
) -> None:
    disk = ModelDisk()
    fill(open_journal(disk))
    fault = disk.fault(operation, number, times=None)
    kind = errors.ConfigurationInvalid if number == errno.EROFS else errors.InputOutputFailed
    with pytest.raises(kind, match=os.strerror(number)):
        open_journal(disk)
    assert fault.fired_count
    fault.end()
    assert list(open_journal(disk).entries) == ["i:1", "s:1"]


def test_what_a_crash_left_of_a_new_file_goes_away() -> None:
    disk = ModelDisk({f"{NAME}.new": b"half"})
    open_journal(disk)
    assert f"{NAME}.new" not in disk.files()


# --- a disk that fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["append", "sync"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_write_that_fails_once_is_made_good_by_a_whole_new_file(operation: str, number: int) -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    fill(journal)
    fault = disk.fault(operation, number, name=NAME)
    journal.record("i:2", Step.RECEIVED, RECEIVED)
    assert (fault.fired_count, journal.is_failed) == (1, False)
    journal.record("i:2", Step.DECIDED, {})
    for image in disk.images(limit=50):
        again = open_journal(ModelDisk(image.files))
        assert (again.opening, again.entries) == (Opening(), journal.entries)


def test_failure_of_the_new_file_too_ends_in_a_failed_journal_that_forgets_nothing_and_tries_again() -> None:
    disk, clock = ModelDisk(), Clock()
    journal = open_journal(disk, clock)
    fill(journal)
    fault = disk.fault("sync", errno.EIO, times=None)
    for step in (Step.OUTCOME, Step.CONFIRMED):
        with pytest.raises(StorageFailed, match=NAME):
            journal.record("i:1", step, {"Status": "completed"})
    assert (journal.is_failed, fault.fired_count) == (True, 2)  # the second was not tried: it is too soon
    assert journal.entries["i:1"].step is Step.CONFIRMED
    clock.seconds += 31
    with pytest.raises(StorageFailed):
        journal.record("i:3", Step.RECEIVED, RECEIVED)
    assert fault.fired_count == 3
    fault.end()
    clock.seconds += 31
    journal.record("i:4", Step.RECEIVED, RECEIVED)
    assert not journal.is_failed
    for image in disk.images(limit=50):
        assert open_journal(ModelDisk(image.files)).entries == journal.entries
    assert set(journal.entries) == {"i:1", "s:1", "i:3", "i:4"}


def test_journal_that_nobody_records_in_is_tried_again_by_whoever_asks() -> None:
    disk, clock = ModelDisk(), Clock()
    journal = open_journal(disk, clock)
    fault = disk.fault("write", errno.EROFS, times=None)
    with pytest.raises(StorageFailed):
        journal.record("i:1", Step.RECEIVED, RECEIVED)
    fault.end()
    assert not journal.revive(), "it is too soon"
    clock.seconds += 31
    assert journal.revive()
    assert open_journal(disk).entries == journal.entries != {}


def test_full_disk_gets_the_ballast_and_takes_it_back_when_there_is_room() -> None:
    disk = ModelDisk(capacity_bytes=3 * MEBIBYTE)
    journal = open_journal(disk)
    folder = disk.mount()
    filler = folder.open_log("filler")
    fill(journal)
    assert len(disk.files()[BALLAST]) == MEBIBYTE
    left_bytes, _ = folder.room()
    filler.append(bytes(left_bytes))
    journal.record("i:1", Step.OUTCOME, {"Status": "completed", "Data": {"Text": "x" * 10_000}})
    assert disk.fired["full"] == 2
    assert (BALLAST in disk.files(), journal.is_failed) == (False, False)
    assert open_journal(disk).entries == journal.entries
    folder.remove("filler")
    journal.compact()
    assert len(disk.files()[BALLAST]) == MEBIBYTE


def test_disk_without_any_room_leaves_the_outcome_in_memory_until_there_is() -> None:
    disk, clock = ModelDisk(capacity_bytes=3 * MEBIBYTE), Clock()
    journal = open_journal(disk, clock)
    fill(journal)
    filler = disk.mount().open_log("filler")
    filler.append(bytes(disk.mount().room()[0]))
    with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
        journal.record("i:1", Step.OUTCOME, {"Data": "x" * 2 * MEBIBYTE})
    assert journal.entries["i:1"].step is Step.OUTCOME
    assert open_journal(ModelDisk(disk.files())).entries["i:1"].step is Step.INTENT
    disk.capacity_bytes += 5 * MEBIBYTE
    clock.seconds += 31
    journal.compact()
    assert not journal.is_failed
    assert open_journal(disk).entries == journal.entries


def test_ballast_that_a_crash_left_empty_is_filled() -> None:
    disk = ModelDisk({BALLAST: b""})
    open_journal(disk)
    assert len(disk.files()[BALLAST]) == MEBIBYTE


@pytest.mark.parametrize("capacity_bytes", [MEBIBYTE, 2 * MEBIBYTE - 1])
def test_ballast_never_takes_the_last_room(capacity_bytes: int) -> None:
    disk = ModelDisk(capacity_bytes=capacity_bytes)
    fill(open_journal(disk))
    assert BALLAST not in disk.files()


# --- several at once ------------------------------------------------------------------------------------


class Slow(ModelFolder):
    """Holds the first sync of the journal up until a test lets it go, and can fail it."""

    def __init__(self, disk: ModelDisk) -> None:
        super().__init__(disk)
        self.has_come, self.may_go = threading.Event(), threading.Event()
        self.syncs_count = 0
        self.failure: BaseException | None = None

    def open_log(self, name: str) -> Any:
        return SlowLog(super().open_log(name), self)


class SlowLog:
    def __init__(self, log: Any, folder: Slow) -> None:
        self._log, self._folder = log, folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def sync(self) -> None:
        folder = self._folder
        folder.syncs_count += 1
        if not folder.may_go.is_set():
            folder.has_come.set()
            assert folder.may_go.wait(10)
        if folder.failure is not None:
            failure, folder.failure = folder.failure, None
            raise failure
        self._log.sync()


class Callers:
    """One caller in the middle of a sync, others behind it; `ends` is what came of each."""

    def __init__(self, journal: Journal, folder: Slow, others_count: int) -> None:
        self.ends: dict[int, BaseException | None] = {}
        self._journal = journal
        self._threads = [
            threading.Thread(target=self._record, args=(number,), daemon=True) for number in range(others_count + 1)
        ]
        self._threads[0].start()
        assert folder.has_come.wait(10)
        for thread in self._threads[1:]:
            thread.start()
        while len(journal.entries) <= others_count:
            assert all(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _record(self, number: int) -> None:
        try:
            self._journal.record(f"i:{number}", Step.RECEIVED, RECEIVED)
        except BaseException as exc:
            self.ends[number] = exc
        else:
            self.ends[number] = None


@pytest.fixture
def slow() -> Iterator[Slow]:
    folder = Slow(ModelDisk())
    yield folder
    folder.may_go.set()


def test_all_that_wait_for_one_sync_share_the_next(slow: Slow) -> None:
    journal = Journal(slow)
    callers = Callers(journal, slow, 20)
    assert callers.ends == {}
    slow.may_go.set()
    callers.join()
    assert callers.ends == dict.fromkeys(range(21))
    assert slow.syncs_count == 2
    assert Journal(slow).entries == journal.entries


def test_sync_that_fails_makes_nobody_believe_what_is_not_there(slow: Slow) -> None:
    journal = Journal(slow)
    callers = Callers(journal, slow, 20)
    slow.failure = OSError(errno.EIO, os.strerror(errno.EIO))
    slow.may_go.set()
    callers.join()
    assert callers.ends == dict.fromkeys(range(21))
    for image in slow.disk.images(limit=20):
        assert set(Journal(ModelDisk(image.files).mount()).entries) == {f"i:{number}" for number in range(21)}


def test_disk_that_fails_for_all_tells_all_of_them(slow: Slow) -> None:
    journal = Journal(slow)
    callers = Callers(journal, slow, 20)
    fault = slow.disk.fault("write", errno.EIO, times=None)
    slow.may_go.set()
    callers.join()
    assert {type(end) for end in callers.ends.values()} == {StorageFailed}
    assert fault.fired_count == 2  # the sync, and the new file for all of them
    assert len(journal.entries) == 21


def test_caller_that_is_interrupted_leaves_nobody_waiting_and_nothing_half_written(slow: Slow) -> None:
    journal = Journal(slow)
    callers = Callers(journal, slow, 5)
    slow.failure = KeyboardInterrupt()
    slow.may_go.set()
    callers.join()
    assert isinstance(callers.ends.pop(0), KeyboardInterrupt)
    assert callers.ends == dict.fromkeys(range(1, 6))
    for image in slow.disk.images(limit=20):
        assert len(Journal(ModelDisk(image.files).mount()).entries) == 6


class Impatient:
    """A gate at which the thread of that name is interrupted if it is shut."""

    def __init__(self) -> None:
        lock = threading.Lock()
        self.acquire, self.release, self.locked = lock.acquire, lock.release, lock.locked

    def __enter__(self) -> None:
        if self.locked() and threading.current_thread().name == "impatient":
            raise KeyboardInterrupt
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_caller_that_is_interrupted_while_it_waits_keeps_nobody_else(slow: Slow) -> None:
    journal = Journal(slow, threads=Threads(make_gate=Impatient))
    callers = Callers(journal, slow, 1)
    ends: list[type[BaseException]] = []

    def call() -> None:
        try:
            journal.record("i:99", Step.RECEIVED, RECEIVED)
        except KeyboardInterrupt as exc:
            ends.append(type(exc))

    impatient = threading.Thread(target=call, name="impatient", daemon=True)
    impatient.start()
    impatient.join(10)
    slow.may_go.set()
    callers.join()
    journal.record("i:100", Step.RECEIVED, RECEIVED)
    assert ends == [KeyboardInterrupt]
    assert set(Journal(slow).entries) == {"i:0", "i:1", "i:99", "i:100"}


def test_compaction_waits_for_the_sync_and_takes_those_along_that_wait_behind_it(slow: Slow) -> None:
    journal = Journal(slow)
    callers = Callers(journal, slow, 5)
    compaction = threading.Thread(target=journal.compact, daemon=True)
    compaction.start()
    slow.may_go.set()
    callers.join()
    compaction.join(10)
    assert not compaction.is_alive()
    assert callers.ends == dict.fromkeys(range(6))
    assert Journal(slow).entries == journal.entries


def test_many_callers_at_once_leave_every_step_in_order() -> None:
    disk = ModelDisk()
    journal = open_journal(disk)
    steps = (Step.RECEIVED, Step.DECIDED, Step.INTENT, Step.SUBMITTED, Step.OUTCOME)

    def call(number: int) -> None:
        for step in steps:
            journal.record(f"i:{number}", step, {"Number": number})

    threads = [threading.Thread(target=call, args=(number,), daemon=True) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    numbers = [record["LSN"] for record in read_lines(disk.files()[NAME]).records]
    assert numbers == list(range(1, 32 * 5 + 1))
    again = open_journal(disk)
    assert again.opening == Opening()
    assert again.entries == journal.entries
    assert {entry.step for entry in again.entries.values()} == {Step.OUTCOME}


def test_closed_journal_lets_go_of_its_file_once() -> None:
    journal = open_journal(ModelDisk())
    journal.close()
    journal.close()


def test_age_of_what_is_left_open_is_not_lost_with_a_clock_that_jumps() -> None:
    disk, clock = ModelDisk(), Clock()
    journal = open_journal(disk, clock)
    fill(journal)
    clock.jump = timedelta(days=-3650)
    journal.record("i:2", Step.RECEIVED, RECEIVED)
    journal.compact()
    again = open_journal(disk, clock)
    assert list(again.entries) == ["i:1", "s:1", "i:2"]
    assert again.entries["i:1"].received_at == datetime(2026, 11, 24, 12, tzinfo=UTC).isoformat()
