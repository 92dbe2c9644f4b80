"""Looking at the files of a state folder, and mending them."""

from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.daemon import history, inspection, journal
from duplicati_client.daemon.entries import Step
from duplicati_client.daemon.journal import Journal
from duplicati_client.daemon.records import list_pieces, read_lines
from duplicati_client.daemon.storage import keep_copy
from tests.model_folder import ModelDisk, ModelFolder
from tests.unit.daemon.journal_lines import (
    NOW,
    begun,
    decided,
    edit,
    ended,
    received,
    sign,
    submitted,
    write,
    write_past,
)

COPY = "task-list.damaged-20261124T120000.yml"
COPY_OF_HISTORY = "task-history.damaged-20261124T120000.yml"


def folder_of(tasks: bytes | None = None, past: bytes | None = None) -> ModelFolder:
    files = {journal.NAME: tasks, history.NAME: past}
    return ModelDisk({name: data for name, data in files.items() if data is not None}).mount()


def inspect(*tasks: bytes, past: bytes | None = None) -> inspection.State:
    return inspection.inspect(folder_of(b"".join(tasks) if tasks else None, past))


def mend(folder: ModelFolder) -> list[str]:
    return inspection.repair(folder, inspection.inspect(folder), NOW)


# --- what is there --------------------------------------------------------------------------------------


def test_files_that_are_missing_and_a_folder_that_is_missing_are_sound(tmp_path: Path) -> None:
    state = inspect()
    assert (state.is_sound, state.tasks.size_bytes, state.history.size_bytes) == (True, None, None)
    missing = tmp_path / "state"
    with inspection.opened(str(missing)) as folder:
        assert folder is None
    assert inspection.inspect(None).is_sound
    assert inspection.read_entries(None) == {}
    assert not missing.exists()


def test_sound_files_are_sound_and_tell_their_records() -> None:
    past = write_past("i:1", "i:2", "i:3")
    state = inspect(*write(received(), decided()), past=past[0] + past[2])
    assert state.is_sound
    assert [record["Step"] for record in state.tasks.records] == ["received", "decided"]
    assert state.history.records_count == 2
    assert (state.tasks.gaps, state.history.gaps, state.doubts) == ([], (), [])


def test_an_edited_line_is_told_with_its_number_its_task_and_the_doubt_it_brings() -> None:
    told = write(received(), decided(), received("s:other"), begun(), decided("s:other"))
    state = inspect(*told[:3], edit(told[3]), told[4])
    assert [(piece.line, piece.key) for piece in state.tasks.damaged] == [(4, "i:7")]
    assert state.doubts == [inspection.Doubt("i:7", Step.DECIDED)]
    assert not state.is_sound


def test_a_line_of_which_nobody_knows_whose_it_was_puts_all_before_it_in_doubt() -> None:
    told = write(received(), decided(), begun(), received("s:later"))
    state = inspect(*told[:2], b"# a remark\n", told[3])
    assert [(piece.line, piece.key) for piece in state.tasks.damaged] == [(3, None)]
    assert state.doubts == [inspection.Doubt("i:7", Step.DECIDED)]


def test_a_task_of_which_only_a_damaged_line_is_left_is_in_doubt() -> None:
    state = inspect(edit(write(received(), decided(), begun())[2]))
    assert state.doubts == [inspection.Doubt("i:7", None)]


def test_a_torn_tail_is_no_damage_to_anything() -> None:
    told = write(received(), decided())
    state = inspect(told[0], told[1][:-9])
    assert (state.tasks.damaged, state.tasks.torn_bytes, state.doubts) == ([], len(told[1]) - 9, [])
    assert not state.is_sound


def test_a_last_line_without_its_end_is_told() -> None:
    state = inspect(write(received())[0].removesuffix(b"\n"))
    assert (state.tasks.is_unfinished, state.tasks.torn_bytes, len(state.tasks.records)) == (True, 0, 1)
    assert not state.is_sound


def test_two_lines_that_ran_together_are_two_records_on_one_line() -> None:
    first, *rest = write(received(), decided(), begun())
    glued = b"".join([first.removesuffix(b"\n"), *rest])
    assert [(piece.line, piece.record is not None) for piece in list_pieces(glued)] == [(1, True), (1, True), (2, True)]


def test_lines_that_were_taken_out_are_a_gap() -> None:
    told = write(received(), decided(), begun(), submitted(), ended())
    state = inspect(told[0], told[3], told[4])
    assert state.tasks.gaps == [inspection.Gap(line=2, after=1, number=4, missing_count=2)]
    assert not state.is_sound


def test_a_damaged_line_in_its_place_is_no_gap_besides_and_one_more_is() -> None:
    told = write(received(), decided(), begun(), submitted(), ended())
    assert inspect(told[0], edit(told[1]), *told[2:]).tasks.gaps == []
    assert [gap.missing_count for gap in inspect(told[0], edit(told[1]), *told[3:]).tasks.gaps] == [1]


def test_a_doubt_that_an_earlier_start_has_written_down_is_not_told_as_new() -> None:
    told = write(received(), decided(), begun())
    folder = folder_of(told[0] + told[1] + edit(told[2]))
    Journal(folder, lambda: NOW).close()
    state = inspection.inspect(folder)
    assert state.entries["i:7"].is_uncertain
    assert (state.doubts, state.is_sound) == ([], True)


def test_a_line_that_is_just_being_written_is_read_again() -> None:
    told = write(received())[0]

    class Writing(ModelFolder):
        reads_count = 0

        def read(self, name: str) -> bytes | None:
            self.reads_count += 1
            return told[:-5] if self.reads_count == 1 else told

    folder = Writing(ModelDisk())
    assert list(inspection.read_entries(folder)) == ["i:7"]
    assert folder.reads_count == 2


def test_a_file_that_cannot_be_read_is_one_clear_failure() -> None:
    folder = folder_of(b"")
    folder.disk.fault("read", errno.EIO, name=journal.NAME)
    with pytest.raises(errors.InputOutputFailed, match=r"task-list\.yml cannot be read"):
        inspection.inspect(folder)


def test_the_past_is_told_as_far_as_it_can_be_believed() -> None:
    lines = write_past("i:1", "i:2", "i:3", "i:1")
    told = inspection.read_past(folder_of(past=b"".join([*lines[:2], edit(lines[2]), lines[3]])))
    assert [one.key for one in told] == ["i:1", "i:2", "i:1"]


def test_a_long_history_is_counted_whole_and_keeps_what_was_asked_for_and_what_is_damaged() -> None:
    lines = write_past(*(f"i:{number}" for number in range(40)), Text="x" * 40_000)
    past = b"".join([*lines[:30], edit(lines[30]), *lines[31:]])
    state = inspection.inspect(folder_of(past=past), lambda key: key == "i:39")
    assert len(past) > 2**20
    assert (state.history.records_count, state.history.size_bytes) == (39, len(past))
    assert [(piece.line, piece.key) for piece in state.history.pieces] == [(31, "i:30"), (40, "i:39")]
    assert len(list(inspection.read_past(folder_of(past=past)))) == 39


def test_the_history_remembers_what_was_done_and_where() -> None:
    (told,) = inspection.read_past(folder_of(past=write_past("i:7")[0]))
    assert (told.key, told.operation, told.server) == ("i:7", "run", "main")


# --- records that somebody has signed, and are none -----------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"Format":1,"LSN":1,"Task":"i:1","Step":"received","At":"","A":' + b"[" * 100_000,
        b'{"Format":1,"LSN":1,"Task":"i:1","Step":"received","At":"","A":NaN',
        b'{"Format":1,"LSN":1,"Task":"i:one","Step":"received","At":""',
        b'{"Format":1,"LSN":1,"Task":"none","Step":"received","At":""',
        b'{"Format":1,"LSN":1,"Task":"s:\\u00e9","Step":"received","At":""',
        b'{"A":1},{"B":2',
        b'{"A":[{"B":1',
        b"\xff\xfe",
    ],
    ids=lambda body: repr(body[:70]),
)
def test_what_has_a_checksum_and_is_no_record_is_damage_to_nobody_else(body: bytes) -> None:
    told = write(received(), decided(), received("s:later"))
    data = told[0] + sign(body) + told[2]
    assert [record["LSN"] for record in read_lines(data).records] == [1, 3]
    assert [piece.line for piece in inspect(data).tasks.damaged] == [2]


# --- mending --------------------------------------------------------------------------------------------

TOLD = write(received(), decided(), begun(), submitted())


@pytest.mark.parametrize(
    ("tasks", "keys"),
    [
        (TOLD[0] + TOLD[1][:-9], ["i:7"]),
        (TOLD[0].removesuffix(b"\n"), ["i:7"]),
        (TOLD[0] + edit(TOLD[1]) + TOLD[2], ["i:7"]),
        (TOLD[0] + TOLD[3], ["i:7"]),
        (b"no list at all", []),
        (b"no list\nat all\n", []),
    ],
    ids=("torn", "without end", "edited", "gap", "no list", "no lines"),
)
def test_what_was_mended_is_sound_and_the_copy_is_what_was_there(tasks: bytes, keys: list[str]) -> None:
    folder = folder_of(tasks)
    assert mend(folder) == [COPY]
    assert folder.read(COPY) == tasks
    after = inspection.inspect(folder)
    assert (after.is_sound, list(after.entries)) == (True, keys)


def test_mending_and_a_daemons_start_come_to_the_same() -> None:
    told = write(received(), received("s:b"), decided(), begun(), begun("s:b"), submitted("s:b"), ended("s:b"))
    tasks = b"".join([*told[:3], edit(told[3]), told[5], told[6][:-4]])
    mended, started = folder_of(tasks), folder_of(tasks)
    mend(mended)
    Journal(started, lambda: NOW).close()
    assert mended.read(journal.NAME) == started.read(journal.NAME)
    assert inspection.read_entries(mended)["i:7"].is_uncertain


@pytest.mark.parametrize(
    ("tasks", "has_lost"),
    [
        (b"no list at all", True),
        (b"no list\nat all\n", True),
        (TOLD[0] + TOLD[3], True),
        (TOLD[0] + TOLD[1] + edit(TOLD[2]), False),
        (TOLD[0] + TOLD[1][:-9], False),
        (TOLD[0], False),
    ],
    ids=("no list", "no lines", "gap", "edited", "torn", "sound"),
)
def test_tasks_that_are_lost_are_remembered_over_mending_and_starts_until_they_were_offered(
    tasks: bytes, has_lost: bool
) -> None:
    folder = folder_of(tasks)
    assert inspection.inspect(folder).has_lost is has_lost
    mend(folder)
    for _ in range(2):
        assert inspection.inspect(folder).has_lost is has_lost
        kept = Journal(folder, lambda: NOW)
        assert kept.has_lost is has_lost
        kept.close()
    kept.forget_loss()
    assert not Journal(folder, lambda: NOW).has_lost
    assert journal.LOSS not in folder.names()


def test_the_history_is_mended_by_leaving_out_what_is_no_record() -> None:
    told = write_past("i:1", "i:2", "i:3", "i:4")
    broken = told[0].removesuffix(b"\n") + told[1][:-1] + b"\0" + edit(told[2]) + told[3][:-3]
    folder = folder_of(past=broken)
    assert mend(folder) == [COPY_OF_HISTORY]
    assert folder.read(COPY_OF_HISTORY) == broken
    assert folder.read(history.NAME) == told[0] + told[1]
    assert folder.read(journal.NAME) is None


def test_sound_files_are_not_touched() -> None:
    folder = folder_of(TOLD[0], write_past("i:1")[0])
    state = inspection.inspect(folder)
    before = folder.disk.operations_count
    assert inspection.repair(folder, state, NOW) == []
    assert folder.disk.operations_count == before


def test_no_copy_no_mending() -> None:
    folder = folder_of(TOLD[0] + b"x\n")
    state = inspection.inspect(folder)
    folder.disk.fault("write", errno.ENOSPC, name=f"{COPY}.new")
    with pytest.raises(errors.InputOutputFailed, match="cannot be used"):
        inspection.repair(folder, state, NOW)
    assert folder.read(journal.NAME) == TOLD[0] + b"x\n"


def test_five_copies_are_kept_and_the_oldest_goes() -> None:
    folder = folder_of()
    names = [keep_copy(folder, journal.NAME, b"x", NOW + timedelta(seconds=second)) for second in range(7)]
    keep_copy(folder, journal.NAME, b"y", NOW + timedelta(seconds=6))
    assert folder.names() == names[2:]
    assert folder.read(names[6]) == b"y"


def test_times_are_those_of_the_records() -> None:
    folder = folder_of(TOLD[0] + b"x\n")
    inspection.repair(folder, inspection.inspect(folder), NOW + timedelta(days=3))
    assert inspection.read_entries(folder)["i:7"].received_at.startswith("2026-11-24T12:00:00")
