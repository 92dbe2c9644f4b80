"""What is remembered of confirmed tasks: for how long, how much, and over every failure of the disk."""

from __future__ import annotations

import errno
import os
from datetime import timedelta
from typing import Any

import pytest
import yaml

from duplicati_client.daemon.entries import Entry, Step
from duplicati_client.daemon.history import NAME, History
from duplicati_client.daemon.journal import StorageFailed
from duplicati_client.daemon.records import read_lines, write_fields, write_line
from duplicati_client.daemon.storage import write
from duplicati_client.protocol import codec
from tests.model_folder import ModelDisk
from tests.unit.daemon.bench import START_AT, Clock

DAY = 86_400.0
MEBIBYTE = 1024 * 1024


def ended(key: str, text: str = "success") -> Entry:
    content = {"ID": key[2:], "Operation": "run"}
    steps = {
        Step.RECEIVED: {"Content": content, "Digest": f"digest of {key}", "Server": "main"},
        Step.OUTCOME: {"Status": "completed", "Data": {"Outcome": text}},
        Step.CONFIRMED: {"Recorded": "recorded"},
    }
    return Entry(key, Step.CONFIRMED, steps)


def open_history(disk: ModelDisk, clock: Clock | None = None) -> History:
    return History(disk.mount(), (clock or Clock()).now)


def outcomes(history: History, *keys: str) -> list[Any]:
    found = [history.find(key) for key in keys]
    return [None if one is None else None if one.data is None else one.data["Outcome"] for one in found]


def test_what_became_of_a_task_is_found_again_also_by_the_next_process() -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    history.remember([ended("i:7", "as a number"), ended("s:7", "as a text")])
    history.remember([])
    for one in (history, open_history(disk, clock)):
        found = one.find("i:7")
        assert found == (
            "i:7", "digest of i:7", "completed", {"Outcome": "as a number"}, START_AT, "run", "main",
        )  # fmt: skip
        assert outcomes(one, "i:7", "s:7", "i:8") == ["as a number", "as a text", None]


def test_newest_of_one_id_counts() -> None:
    disk = ModelDisk()
    history = open_history(disk)
    history.remember([ended("i:1", "first"), ended("i:2")])
    history.remember([ended("i:1", "second")])
    for one in (history, open_history(disk)):
        assert outcomes(one, "i:1", "i:2") == ["second", "success"]


def test_tombstone_is_durable_when_remember_returns() -> None:
    disk = ModelDisk()
    history = open_history(disk)
    for number in range(4):
        history.remember([ended(f"i:{number}"), ended(f"s:{number}")])
        for image in disk.images(limit=20):
            again = open_history(ModelDisk(image.files))
            assert outcomes(again, f"i:{number}", f"s:{number}", "i:0") == ["success"] * 3


def test_file_is_a_yaml_list_and_numbers_go_on_after_a_start() -> None:
    disk = ModelDisk()
    open_history(disk).remember([ended("i:1", "\U0001f600 \u2028")])
    open_history(disk).remember([ended("i:2")])
    loaded = yaml.safe_load(disk.files()[NAME].decode("utf-8"))
    assert [(one["LSN"], one["Task"], one["Data"]["Outcome"]) for one in loaded] == [
        (1, "i:1", "\U0001f600 \u2028"),
        (2, "i:2", "success"),
    ]


@pytest.mark.parametrize("content", [None, "text", [1]])
def test_task_whose_content_or_outcome_is_not_known_has_a_tombstone_all_the_same(content: Any) -> None:
    disk = ModelDisk()
    open_history(disk).remember([Entry("i:1", Step.CONFIRMED, {Step.RECEIVED: {"Content": content}})])
    found = open_history(disk).find("i:1")
    assert found is not None
    assert (found.digest, found.status, found.data, found.operation) == ("", "error", {}, None)


# --- bounds ---------------------------------------------------------------------------------------------


def test_tombstones_go_after_thirty_days_and_results_with_them() -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    for day in range(40):
        clock.seconds = 1000.0 + day * DAY
        history.remember([ended(f"i:{day}")])
    kept = {key for key in map("i:{}".format, range(40)) if history.find(key)}
    assert kept >= {f"i:{day}" for day in range(10, 40)}
    assert kept <= {f"i:{day}" for day in range(8, 40)}
    clock.seconds += 32 * DAY
    assert all(open_history(disk, clock).find(f"i:{day}") is None for day in range(40))
    assert disk.files()[NAME] == b""


def test_results_are_kept_for_seven_days_at_least() -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    for day in range(60):
        clock.seconds = 1000.0 + day * DAY
        history.remember([ended(f"i:{day}")])
        week = [f"i:{one}" for one in range(max(0, day - 7), day + 1)]
        assert outcomes(history, *week) == ["success"] * len(week)
    at_trim = [history.find(f"i:{day}") for day in range(30, 52)]
    assert any(one is not None and one.data is None for one in at_trim)


def count_lines(disk: ModelDisk) -> int:
    return (disk.mount().read(NAME) or b"").count(b"\n")


def test_tombstones_are_no_more_than_fifty_thousand_and_some() -> None:
    at, fields = START_AT.isoformat(), write_fields({"Digest": "d", "Status": "completed", "Data": {}})
    many = b"".join(write_line(number, f"i:{number}", "history", at, fields) for number in range(52_000))
    disk = ModelDisk({NAME: many})
    history = open_history(disk)
    assert count_lines(disk) == 50_000
    history.remember([ended(f"s:{number}") for number in range(5_000)])
    assert count_lines(disk) == 55_000
    history.remember([ended("s:5000")])
    assert count_lines(disk) == 50_000
    kept = [history.find(key) is not None for key in ("i:7000", "i:7001", "i:51999", "s:5000")]
    assert kept == [False, True, True, True]


def test_results_take_no_more_than_their_room_and_the_newest_stay() -> None:
    disk = ModelDisk(capacity_bytes=200 * MEBIBYTE)
    history = open_history(disk)
    sizes = []
    for start in range(0, 280, 4):
        history.remember([ended(f"i:{number}", "x" * 250_000) for number in range(start, start + 4)])
        sizes.append(disk.capacity_bytes - disk.mount().room()[0])
    assert 40 * MEBIBYTE < max(sizes) < 49 * MEBIBYTE
    assert all(history.find(f"i:{number}") is not None for number in range(280))
    with_data = [number for number in range(280) if outcomes(history, f"i:{number}") != [None]]
    assert with_data == list(range(280 - len(with_data), 280))
    assert len(with_data) * 250_000 > 31 * MEBIBYTE


def test_digest_of_a_result_stays_when_the_result_goes() -> None:
    disk, clock = ModelDisk(), Clock()
    open_history(disk, clock).remember([ended("i:1")])
    clock.seconds += 8 * DAY
    history = open_history(disk, clock)
    history._trim()
    (record,) = read_lines(disk.files()[NAME]).records
    assert (record["Data"], record["DataDigest"]) == (None, codec.digest({"Outcome": "success"}))


def test_older_of_one_id_leaves_the_file_when_it_is_trimmed() -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    history.remember([ended("i:0")])
    clock.seconds += 20 * DAY
    history.remember([ended("i:1", "first"), ended("i:1", "second"), ended("i:2")])
    clock.seconds += 12 * DAY
    again = open_history(disk, clock)
    assert count_lines(disk) == 2
    assert [again.find(key) is not None for key in ("i:0", "i:1", "i:2")] == [False, True, True]


@pytest.mark.parametrize("days", [-3650, 3650])
def test_clock_that_is_set_takes_nothing_away(days: int) -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    history.remember([ended("i:1")])
    clock.jump = timedelta(days=days)
    history.remember([ended("i:2")])
    clock.seconds += DAY
    history.remember([ended("i:3")])
    assert outcomes(open_history(disk, clock), "i:1", "i:2", "i:3") == ["success"] * 3


# --- damage ---------------------------------------------------------------------------------------------


def test_damaged_line_is_as_good_as_none_and_harms_no_other() -> None:
    disk = ModelDisk()
    open_history(disk).remember([ended("i:1"), ended("i:2"), ended("i:3")])
    disk = ModelDisk({NAME: disk.files()[NAME].replace(b"digest of i:2", b"digest of i:9")})
    history = open_history(disk)
    assert outcomes(history, "i:1", "i:2", "i:3") == ["success", None, "success"]
    history.remember([ended("i:4")])
    assert outcomes(open_history(disk), "i:1", "i:3", "i:4") == ["success"] * 3


@pytest.mark.parametrize("tail", [b"-", b'- {"Format":1,"LSN":9,"Ta', b"\0\0\0\0"])
def test_torn_tail_is_cut_before_anything_is_appended(tail: bytes) -> None:
    disk = ModelDisk()
    open_history(disk).remember([ended("i:1")])
    disk = ModelDisk({NAME: disk.files()[NAME] + tail})
    history = open_history(disk)
    history.remember([ended("i:2")])
    assert [one["Task"] for one in yaml.safe_load(disk.files()[NAME])] == ["i:1", "i:2"]
    assert outcomes(open_history(disk), "i:1", "i:2") == ["success", "success"]


@pytest.mark.parametrize("garbage", [b"\0" * 3_000_000, b"x" * 3_000_000, b"\n" * 100_000, b"{}\n" * 1000])
def test_file_of_anything_holds_nothing_and_is_gone_on_with(garbage: bytes) -> None:
    disk = ModelDisk({NAME: garbage})
    history = open_history(disk)
    history.remember([ended("i:1")])
    assert outcomes(history, "i:1", "i:2") == ["success", None]
    assert outcomes(open_history(disk), "i:1") == ["success"]


def test_file_that_somebody_has_changed_never_tells_another_task_s_result() -> None:
    disk = ModelDisk()
    history = open_history(disk)
    history.remember([ended("i:1", "one"), ended("i:2", "two")])
    lines = disk.files()[NAME].splitlines(keepends=True)
    write(disk.mount(), NAME, b"".join(reversed(lines)))
    assert outcomes(history, "i:1", "i:2") == [None, None]


# --- a disk that fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["append", "sync"])
def test_write_that_fails_is_told_and_what_follows_is_found_where_it_is(operation: str) -> None:
    disk = ModelDisk(seed=3)
    history = open_history(disk)
    history.remember([ended("i:1")])
    disk.fault(operation, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        history.remember([ended("i:2", "lost"), ended("i:3", "lost")])
    assert outcomes(history, "i:1") == ["success"]
    history.remember([ended("i:2"), ended("i:4")])
    assert outcomes(history, "i:1", "i:2", "i:4") == ["success"] * 3
    for image in disk.images(limit=50):
        assert outcomes(open_history(ModelDisk(image.files)), "i:1", "i:2", "i:4") == ["success"] * 3


@pytest.mark.parametrize(
    ("operation", "nth"),
    [
        ("unlink", 1),
        ("make", 1),
        ("append", 1),
        ("sync", 1),
        ("replace", 1),
        ("sync_names", 2),
        ("read", 3),
    ],
)
def test_new_file_that_fails_leaves_the_old_one_or_is_found_in_its_place(operation: str, nth: int) -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    history.remember([ended(f"i:{number}") for number in range(20)])
    clock.seconds += 20 * DAY
    history.remember([ended(f"s:{number}") for number in range(20)])
    clock.seconds += 12 * DAY
    disk = ModelDisk({**disk.files(), f"{NAME}.new": b"left by a crash"})
    fault = disk.fault(operation, errno.EIO, nth=nth)
    history = open_history(disk, clock)
    assert fault.fired_count == 1
    assert all(history.find(f"s:{number}") is not None for number in range(20))
    history.remember([ended("i:99")])
    for image in disk.images(limit=20):
        again = open_history(ModelDisk(image.files), clock)
        assert all(again.find(f"s:{number}") is not None for number in range(20))
        assert outcomes(again, "i:99") == ["success"]


def test_history_that_cannot_be_read_says_so_instead_of_knowing_nothing() -> None:
    disk = ModelDisk()
    history = open_history(disk)
    history.remember([ended("i:1")])
    fault = disk.fault("read", errno.EIO)
    with pytest.raises(StorageFailed, match=NAME):
        history.find("i:1")
    assert fault.fired_count == 1
    assert outcomes(history, "i:1") == ["success"]


def test_full_disk_keeps_the_old_file_when_a_shorter_one_has_no_room() -> None:
    disk, clock = ModelDisk(), Clock()
    history = open_history(disk, clock)
    history.remember([ended("i:1")])
    clock.seconds += 20 * DAY
    history.remember([ended("i:2")])
    clock.seconds += 12 * DAY
    disk.capacity_bytes = len(disk.files()[NAME]) + 10
    assert open_history(disk, clock).find("i:2") is not None
    assert disk.fired["full"] == 1
