"""Reading the signs of an outcome: both generations, and whatever else a server may send."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duplicati_client.outcome import MetadataSign, NoticeSign, RowSign, TaskSign
from duplicati_client.sdk import evidence

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(
    ["Status", "ErrorMessage", "TaskStarted", "ID", "Type", "Message", "Title", "Timestamp", "Exception", "BackupID"]
)
answers = json_values | st.dictionaries(members, json_values | st.just({}))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T12:00:00Z",
        "2026-11-24T12:00:00+00:00",
        "2026-11-24T12:00:00",
        "2026-11-24T13:00:00+01:00",
        "2026-11-24T04:30:00.0000000-07:30",
        "2026-11-24t12:00:00z".upper(),
    ],
)
def test_each_way_of_writing_a_moment_is_read(text: str) -> None:
    assert evidence.read_time(text) == NOON


@pytest.mark.parametrize(("fraction", "microseconds"), [(".5", 500_000), (".1234567", 123_456), (".000001", 1)])
def test_fractions_of_up_to_seven_digits_are_read(fraction: str, microseconds: int) -> None:
    assert evidence.read_time(f"2026-11-24T12:00:00{fraction}Z") == NOON + timedelta(microseconds=microseconds)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00Z",
        "",
        "soon",
        "2026-13-01T00:00:00Z",
        "9999-12-31T23:59:59-10:00",
        "2026-11-24T12:00:00Z and more",
        "２０２６-11-24T12:00:00Z",
        {},
        None,
        1795521600,
    ],
)
def test_never_and_nonsense_are_no_moment(text: object) -> None:
    assert evidence.read_time(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [("20261124T120000Z", NOON), ("00010101T000000Z", None), ("20261124T120000", None), ("", None), (7, None)],
)
def test_moments_of_the_metadata_are_read(text: object, moment: datetime | None) -> None:
    assert evidence.read_metadata_time(text) == moment


def test_task_is_read_with_its_times() -> None:
    sign = evidence.task_sign(
        {"Status": "Failed", "ID": 4, "TaskStarted": "2026-11-24T12:00:00Z", "TaskFinished": None, "ErrorMessage": "no"}
    )
    assert sign == ("Failed", "no", NOON, None)


def test_legacy_task_has_a_status_only() -> None:
    assert evidence.task_sign({"Status": "Running"}) == ("Running", None, None, None)


def test_answer_that_is_no_task_is_none() -> None:
    assert evidence.task_sign({"Error": "No such task found", "Code": 404}) is None
    assert evidence.task_sign([]) is None


def result(**members: object) -> str:
    return json.dumps({"MainOperation": "Backup", "ParsedResult": "Success", "Interrupted": False, **members})


def test_row_is_read_from_the_text_in_it() -> None:
    text = result(
        PartialBackup=True,
        Dryrun=False,
        BeginTime="2026-11-24T12:00:00.5Z",
        EndTime="2026-11-24T12:00:09Z",
        WarningsActualLength=25,
        Warnings=["2026-11-24 12:00:01 +00 - [Warning-Duplicati.Library.Main.X-Y]: cannot read a.txt"],
        ErrorsActualLength=0,
        Errors=[],
    )
    sign = evidence.row_sign({"ID": 3, "Type": "Result", "Message": text, "Exception": {}})
    assert sign is not None
    assert sign[:6] == (3, "Backup", "Success", False, True, False)
    assert sign[6:] == (
        NOON + timedelta(seconds=0.5),
        NOON + timedelta(seconds=9),
        25,
        0,
        "cannot read a.txt",
    )


def test_first_error_goes_before_the_first_warning() -> None:
    text = result(Warnings=["a warning"], Errors=["an error"])
    sign = evidence.row_sign({"ID": 3, "Message": text})
    assert sign is not None
    assert (sign.first_problem, sign.warnings_count, sign.errors_count) == ("an error", 1, 1)


def test_first_line_that_says_nothing_gives_way_to_the_exception_below_it() -> None:
    error = "2026-11-24 14:32:46 +00 - [Error-X-FatalError]: Fatal error\nTaskCanceledException: A task was canceled."
    sign = evidence.row_sign({"ID": 3, "Message": result(Errors=[error])})
    assert sign is not None
    assert sign.first_problem == "A task was canceled."


def test_line_that_says_nothing_stays_where_nothing_follows() -> None:
    sign = evidence.row_sign({"ID": 3, "Message": result(Errors=["Fatal error"])})
    assert sign is not None
    assert sign.first_problem == "Fatal error"


@pytest.mark.parametrize(
    ("value", "meaning"), [(True, True), ("True", True), (False, False), ("false", False), (1, False)]
)
def test_flags_may_be_texts(value: object, meaning: bool) -> None:
    sign = evidence.row_sign({"ID": "3", "Message": result(Interrupted=value)})
    assert sign is not None
    assert (sign.row_id, sign.is_interrupted) == (3, meaning)


def test_lines_below_the_first_are_kept() -> None:
    sign = evidence.row_sign({"ID": 3, "Message": result(Errors=["no volume\nThreadInterruptedException: stopped"])})
    assert sign is not None
    assert sign.first_problem == "no volume\nThreadInterruptedException: stopped"


@pytest.mark.parametrize(
    "raw",
    [
        {"ID": 3, "Type": "Warning", "Message": result()},
        {"ID": 3, "Type": "Result", "Message": "{half"},
        {"ID": 3, "Type": "Result", "Message": "[" * 100_000},
        {"ID": 3, "Type": "Result", "Message": "[]"},
        {"ID": 3, "Type": "Result", "Message": {}},
        {"ID": 3, "Type": "Result"},
        {"ID": "three", "Type": "Result", "Message": result()},
        {"Type": "Result", "Message": result()},
        None,
    ],
)
def test_row_that_is_no_result_is_none(raw: object) -> None:
    assert evidence.row_sign(raw) is None


def test_row_without_a_result_is_unknown_rather_than_good() -> None:
    sign = evidence.row_sign({"ID": 3, "Message": '{"MainOperation": "Backup", "ParsedResult": null}'})
    assert sign is not None
    assert sign.parsed_result == "Unknown"


def test_rows_up_to_the_known_one_are_left_out() -> None:
    answer = [{"ID": number, "Type": "Result", "Message": result()} for number in (5, 4, 3)]
    assert [row.row_id for row in evidence.row_signs(answer, above_row_id=3)] == [5, 4]
    assert evidence.row_signs({"Error": "no"}) == ()


def rows(*began: tuple[int, int]) -> tuple[object, ...]:
    answer = [
        {"ID": number, "Message": result(BeginTime=(NOON + timedelta(minutes=minutes)).isoformat())}
        for number, minutes in began
    ]
    return evidence.row_signs(answer)


def test_new_rows_are_those_above_the_known_ones() -> None:
    before = rows((2, 2), (1, 1))
    assert [row.row_id for row in evidence.new_rows(before, rows((3, 3), (2, 2), (1, 1)))] == [3]
    assert evidence.new_rows(before, before) == ()


def test_new_rows_are_found_after_the_local_database_was_recreated() -> None:
    before = rows((25, 5), (24, 4))
    assert [row.row_id for row in evidence.new_rows(before, rows((1, 9)))] == [1]


def test_notice_is_read_and_tells_whether_something_threw() -> None:
    raw = {
        "ID": 3,
        "Type": "Error",
        "Title": "Error while running X",
        "Message": "no",
        "Timestamp": "2026-11-24T12:00:00Z",
    }
    assert evidence.notice_sign({**raw, "Exception": ""}) == (3, "Error", "Error while running X", "no", NOON, False)
    thrown = evidence.notice_sign({**raw, "Exception": "System.IO.IOException"})
    assert thrown is not None
    assert thrown.is_thrown


def test_half_a_notice_is_none() -> None:
    assert evidence.notice_sign({"ID": 3}) is None
    assert evidence.notice_sign({"Type": "Error"}) is None


def test_notices_of_other_backups_and_of_none_are_left_out() -> None:
    answer = [{"ID": number, "Type": "Error", "BackupID": whose} for number, whose in ((1, "3"), (2, "4"), (3, None))]
    assert [notice.notification_id for notice in evidence.notice_signs(answer, "3")] == [1]


def test_notice_renewed_under_its_old_id_is_new() -> None:
    old = NoticeSign(3, "Error", "", "no", NOON)
    renewed = old._replace(at=NOON + timedelta(hours=1))
    assert evidence.new_notices([old], [old, renewed]) == (renewed,)


def test_metadata_are_read_for_the_operation_asked_about() -> None:
    raw = {
        "LastBackupStarted": "20261124T120000Z",
        "LastBackupFinished": "20261124T120100Z",
        "LastErrorDate": "00010101T000000Z",
        "LastErrorMessage": "old",
    }
    assert evidence.metadata_sign(raw, "Backup") == (NOON, NOON + timedelta(minutes=1), None, "old")
    assert evidence.metadata_sign(raw, "Restore") == (None, None, None, "old")
    assert evidence.metadata_sign(raw, "Test") == (None, None, None, "old")
    assert evidence.metadata_sign(None, "Backup") is None


def test_members_in_other_letters_are_found() -> None:
    assert evidence.task_sign({"status": "Completed"}) == ("Completed", None, None, None)


@given(answers)
def test_whatever_is_sent_is_read_or_left_out(raw: object) -> None:
    for read, kind in (
        (evidence.task_sign, TaskSign),
        (evidence.row_sign, RowSign),
        (evidence.notice_sign, NoticeSign),
        (evidence.read_time, datetime),
    ):
        found = read(raw)
        assert found is None or isinstance(found, kind)
    assert isinstance(evidence.row_signs(raw), tuple)
    assert len(evidence.notice_signs([raw], "1")) <= 1
    metadata = evidence.metadata_sign(raw, "Backup")
    assert metadata is None or isinstance(metadata, MetadataSign)


@given(st.dictionaries(st.sampled_from(["MainOperation", "Errors", "Warnings", "EndTime"]), json_values))
def test_whatever_stands_in_a_result_is_read_or_left_out(members: dict[str, object]) -> None:
    sign = evidence.row_sign({"ID": 1, "Message": json.dumps({"MainOperation": "Backup", **members})})
    assert sign is None or sign.parsed_result == "Unknown"


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9999, 12, 30)), st.integers(-840, 840))
def test_every_moment_that_a_server_can_write_comes_back(moment: datetime, offset_minutes: int) -> None:
    hours, minutes = divmod(abs(offset_minutes), 60)
    written = f"{moment.isoformat()}{'-' if offset_minutes < 0 else '+'}{hours:02}:{minutes:02}"
    expected = moment.replace(tzinfo=UTC) - timedelta(minutes=offset_minutes)
    assert evidence.read_time(written) == expected
