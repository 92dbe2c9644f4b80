"""Whatever bytes a daemon's two files hold, looking at them ends with a told status, and mending makes them sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.shapes.checking import faults_of
from tests.unit.cli.daemon.owner import Owner
from tests.unit.daemon.journal_lines import (
    begun,
    confirmed,
    decided,
    ended,
    received,
    sign,
    submitted,
    write,
    write_past,
)

STEPS = ("received", "decided", "intent", "submitted", "outcome", "confirmed", "history", "new")
TOLD = write(received(), decided(), begun(), submitted(), ended(), confirmed(), received("s:7"), decided("s:7"))
HEAD = b'{"Format":1,"LSN":1,"Task":"i:7","Step":"received","At":"2026-11-24T12:00:00Z"'
PAST = write_past("i:1", "s:1", "i:7")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
times = st.sampled_from(["2026-11-24T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59", ""])
contents = st.dictionaries(st.sampled_from(["ID", "Operation", "Resources", "Parameters"]), values)
names = ("Digest", "Server", "Verdict", "Attempt", "Baseline", "Status", "Data", "Uncertain", "Reason", "Deaths")
# What nobody but a person with a program for checksums writes: members of any kind, in a line that is sound.
records = st.fixed_dictionaries(
    {
        "Format": st.just(1),
        "LSN": st.integers(-2, 40),
        "Task": st.sampled_from(["i:7", "s:7", "i:-1", "i:x", ""]) | values,
        "Step": st.sampled_from(STEPS) | values,
        "At": times | values,
    },
    optional=dict.fromkeys(names, values) | {"Content": contents | values},
)
signed = records.map(lambda record: sign(json.dumps(record)[:-1].encode()))


@st.composite
def edited(draw: st.DrawFn, lines: list[bytes]) -> bytes:
    """Give lines of which some were taken out, spoilt, doubled, put elsewhere, or cut."""
    chosen = draw(st.lists(st.sampled_from(lines), max_size=10))
    for at in draw(st.lists(st.integers(0, max(0, len(chosen) - 1)), max_size=3)):
        if chosen:
            line = chosen[at]
            place = draw(st.integers(0, len(line)))
            chosen[at] = line[:place] + draw(st.binary(max_size=3)) + line[draw(st.integers(place, len(line))) :]
    return b"".join(chosen)


def files(lines: list[bytes]) -> st.SearchStrategy[bytes]:
    mixed = st.lists(signed | edited(lines) | st.binary(max_size=40), max_size=5).map(b"".join)
    return st.binary(max_size=200) | edited(lines) | mixed


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    return Owner(tmp_path_factory.mktemp("owner"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(files(TOLD), files(PAST))
@example(b"", b"")
@example(b"\xff\x00" * 20, b"- " * 20)
@example(
    sign(b'{"Format":1,"LSN":1,"Task":"i:7","Step":"received","At":"","Content":' + b"[" * 2000 + b"]" * 2000), b""
)
def test_any_bytes_are_shown_and_checked_with_a_told_status_and_mended_to_sound_files(
    owner: Owner, tasks: bytes, past: bytes
) -> None:
    _forget(owner.state)
    owner.keep(tasks, past=past)
    for words, statuses in (
        (("tasks", "--all"), (0,)),
        (("journal", "show"), (0,)),
        (("journal", "show", "i:7"), (0, 66)),
        (("journal", "show", "7"), (0, 64, 66)),
        (("journal", "check"), (0, 65)),
    ):
        for form in ("table", "json"):
            ended_so = owner.run(*words, "--output", form)
            assert ended_so.status in statuses, ended_so.stderr
            assert "Traceback" not in ended_so.stderr
            assert "\x1b" not in ended_so.stdout + ended_so.stderr
            assert form == "table" or faults_of(ended_so.stdout) == []
    assert (owner.task_list.read_bytes(), owner.history.read_bytes()) == (tasks, past)
    was_sound = owner.run("journal", "check").status == 0
    repaired = owner.run("journal", "repair", "--yes")
    assert repaired.status == 0, repaired.stderr
    assert owner.run("journal", "check").status == 0
    assert not was_sound or owner.task_list.read_bytes() == tasks


def _forget(folder: Path) -> None:
    for file in folder.iterdir() if folder.exists() else ():
        file.unlink()


def test_a_signed_line_of_these_tests_is_sound_to_the_journal(owner: Owner) -> None:
    owner.keep(sign(HEAD))
    assert owner.run("journal", "check").status == 0
    assert [row["task_id"] for row in owner.read("tasks")] == ["7"]
