"""Lines of the journal: what is written comes back, YAML reads the same, and damage doubts no more than it has hit."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from duplicati_client.daemon.entries import Damage, Entry, Step, fold
from duplicati_client.daemon.records import list_pieces, read_lines, write_fields, write_line

AT = "2026-11-24T12:00:00.000+00:00"
SEED = 20261124
STORY = [
    ("i:7", Step.RECEIVED, {"Content": {"ID": 7, "Operation": "run"}, "Digest": "d7", "Server": "main"}),
    ("s:7", Step.RECEIVED, {"Content": {"ID": "7", "Operation": "verify"}, "Digest": "d8", "Server": "main"}),
    ("i:7", Step.DECIDED, {"Verdict": "accept", "Rule": "preset:run"}),
    ("s:7", Step.DECIDED, {"Verdict": "accept", "Rule": "preset:run"}),
    ("i:7", Step.INTENT, {"Attempt": 1, "Baseline": {"Rows": [[3, "Backup", AT]]}}),
    ("i:7", Step.SUBMITTED, {"ServerTask": 12, "EventID": 40}),
    ("s:9.a-b:c_d", Step.RECEIVED, {"Content": {"ID": "9.a-b:c_d", "Operation": "status"}, "Digest": "d9"}),
]


def lines_of(*story: tuple[str, Step, Mapping[str, Any]], first: int = 1) -> list[bytes]:
    return [
        write_line(first + index, key, step.value, AT, write_fields(fields))
        for index, (key, step, fields) in enumerate(story)
    ]


def entries_of(data: bytes) -> dict[str, Entry]:
    reading = read_lines(data)
    return fold(reading.records, reading.damage)


def doubtful(data: bytes) -> set[str]:
    return {key for key, entry in entries_of(data).items() if entry.is_uncertain}


def spoil(line: bytes, at: int, value: int) -> bytes:
    return line[:at] + bytes([value]) + line[at + 1 :]


WHOLE = lines_of(*STORY)


def test_records_come_back_in_order_without_what_the_line_adds() -> None:
    reading = read_lines(b"".join(WHOLE))
    assert [record["LSN"] for record in reading.records] == [1, 2, 3, 4, 5, 6, 7]
    assert reading.records[0] == {
        "Format": 1, "LSN": 1, "Task": "i:7", "Step": "received", "At": AT, **STORY[0][2]
    }  # fmt: skip
    assert (reading.damage, reading.torn_bytes, reading.has_last_end) == (Damage(), 0, True)
    assert reading.sound_bytes == len(b"".join(WHOLE))
    assert reading.offsets == [len(b"".join(WHOLE[:index])) for index in range(7)]


def test_no_file_and_an_empty_one_hold_nothing() -> None:
    assert read_lines(b"") == ([], [], Damage(), 0, 0, True, False)
    assert list_pieces(b"") == []


@pytest.mark.parametrize(
    "text",
    [
        "line\u2028line\u2029line\x85line\x1cline\x0b\x0c\r\n",
        "a\x7fb\x00c\x1b[31m\t",
        "\U0001f600 \U00010000 \U0010ffff",
        "\u0301e\u202e\ufeff\ufffe",
        '"quoted" \\ \\\\ud83d /',
        "Lichtstraße, 日本",
    ],
)
def test_any_text_is_the_same_to_yaml_and_on_one_line(text: str) -> None:
    line = write_line(1, "i:1", "received", AT, write_fields({"Content": {text: [text]}}))
    assert line.count(b"\n") == 1
    assert len(line.decode("utf-8").splitlines()) == 1
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        (loaded,) = yaml.load(line, Loader=loader)
        assert loaded["Content"] == {text: [text]}
    assert read_lines(line).records[0]["Content"] == {text: [text]}


@pytest.mark.parametrize("value", [1e16, 1.5e300, -1e-7, 0.1, -0.0, 12345678901234567890, True, None, "1e5", "010"])
def test_any_value_has_the_same_type_for_yaml(value: Any) -> None:
    line = write_line(1, "i:1", "received", AT, write_fields({"Value": value, "Text": f"[{value}, 3e-5]"}))
    (loaded,) = yaml.safe_load(line)
    assert (loaded["Value"], type(loaded["Value"])) == (value, type(value))
    assert read_lines(line).records[0]["Value"] == value
    assert loaded["Text"] == f"[{value}, 3e-5]"


def test_yaml_reads_the_whole_file_as_the_list_of_its_records() -> None:
    data = b"".join(WHOLE)
    loaded = yaml.safe_load(data)
    assert [{name: one[name] for name in one if name not in ("Mark", "MarkSum", "Sum")} for one in loaded] == (
        read_lines(data).records
    )


def test_ids_of_two_types_stay_two() -> None:
    entries = entries_of(b"".join(WHOLE))
    assert entries["i:7"].steps[Step.RECEIVED]["Content"]["ID"] == 7
    assert entries["s:7"].steps[Step.RECEIVED]["Content"]["ID"] == "7"


@pytest.mark.parametrize("fields", [{"Value": float("nan")}, {"Value": float("inf")}, {"Value": object()}])
def test_what_is_no_json_is_not_written(fields: Mapping[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        write_fields(fields)


def test_tail_torn_at_any_byte_is_cut_and_the_rest_believed() -> None:
    before, last = b"".join(WHOLE[:-1]), WHOLE[-1]
    expected = entries_of(before)
    for size_bytes in range(1, len(last) - 1):
        reading = read_lines(before + last[:size_bytes])
        assert (reading.torn_bytes, reading.sound_bytes) == (size_bytes, len(before))
        assert not reading.damage.is_any
        assert fold(reading.records, reading.damage) == expected


def test_line_that_lacks_its_end_only_is_believed() -> None:
    reading = read_lines(b"".join(WHOLE)[:-1])
    assert (len(reading.records), reading.torn_bytes, reading.has_last_end) == (7, 0, False)


def test_one_spoilt_byte_puts_no_other_task_in_doubt_and_takes_none_away() -> None:
    chance = random.Random(SEED)
    data, expected = b"".join(WHOLE), entries_of(b"".join(WHOLE))
    owners = [key for line, (key, _, _) in zip(WHOLE, STORY, strict=True) for _ in line]
    for at, owner in enumerate(owners):
        for value in {data[at] ^ 1, 0, ord("\n"), chance.randrange(256)} - {data[at]}:
            found = entries_of(spoil(data, at, value))
            where = (at, value)
            assert found.keys() | {owner} == expected.keys() | {owner}, where
            for key in expected.keys() - {owner}:
                assert found[key] == expected[key], where


def test_spoilt_byte_of_a_record_that_begins_something_leaves_its_task_in_doubt() -> None:
    for index, (key, step, _) in enumerate(STORY):
        if step in (Step.INTENT, Step.SUBMITTED):
            start = len(b"".join(WHOLE[:index]))
            for at in range(start, start + len(WHOLE[index]) - 1):
                assert doubtful(spoil(b"".join(WHOLE), at, 0)) == {key}, at


def test_record_whose_end_of_line_was_spoilt_is_believed_all_the_same() -> None:
    data, expected = b"".join(WHOLE), entries_of(b"".join(WHOLE))
    for index in range(len(WHOLE)):
        assert entries_of(spoil(data, len(b"".join(WHOLE[: index + 1])) - 1, ord("x"))) == expected


def test_decision_that_was_lost_is_made_again_without_doubt() -> None:
    data = lines_of(*STORY[:1], ("i:7", Step.DECIDED, {"Verdict": "accept"}))
    entry = entries_of(data[0] + spoil(data[1], 90, 0))["i:7"]
    assert (entry.step, entry.is_uncertain) == (Step.RECEIVED, False)


def test_task_of_which_only_the_spoilt_receipt_is_left_is_offered_again() -> None:
    assert entries_of(spoil(WHOLE[0], 90, 0)) == {}


def test_task_that_was_decided_on_and_has_lost_both_records_stays_known_in_doubt() -> None:
    data = lines_of(*STORY[:1], ("i:7", Step.DECIDED, {"Verdict": "accept"}), *STORY[1:2])
    found = entries_of(spoil(data[0], 90, 0) + spoil(data[1], 90, 0) + data[2])
    assert found["i:7"] == Entry("i:7", Step.RECEIVED, {Step.RECEIVED: {}}, is_uncertain=True)
    assert not found["s:7"].is_uncertain


def test_receipt_that_was_lost_leaves_its_task_in_doubt() -> None:
    assert doubtful(spoil(WHOLE[0], 90, 0) + b"".join(WHOLE[1:])) == {"i:7"}


def test_record_that_is_missing_without_a_trace_puts_those_in_doubt_that_it_may_have_been_about() -> None:
    data = b"".join([*WHOLE[:4], *WHOLE[5:]])
    assert doubtful(data) == {"i:7", "s:7"}
    assert not entries_of(data)["s:9.a-b:c_d"].is_uncertain


def test_task_that_had_ended_is_not_doubted() -> None:
    data = lines_of(*STORY[:3], ("i:7", Step.OUTCOME, {"Status": "completed"}), ("s:7", Step.DECIDED, {}), *STORY[6:])
    del data[4]
    assert doubtful(b"".join(data)) == {"s:7"}


def test_file_that_lost_its_beginning_doubts_what_has_none_left() -> None:
    assert doubtful(b"".join(WHOLE[1:])) == {"i:7"}


@pytest.mark.parametrize("seed", range(5))
def test_records_that_are_there_twice_or_out_of_order_say_the_same(seed: int) -> None:
    chance = random.Random(SEED + seed)
    shuffled = [*WHOLE, *chance.sample(WHOLE, 4)]
    chance.shuffle(shuffled)
    reading = read_lines(b"".join(shuffled))
    assert not reading.damage.is_any
    assert fold(reading.records, reading.damage) == entries_of(b"".join(WHOLE))


def test_two_records_of_one_number_are_not_both_believed_blindly() -> None:
    other = write_line(6, "s:7", "intent", AT, write_fields({"Attempt": 1}))
    assert "i:7" in doubtful(b"".join([*WHOLE[:6], other, WHOLE[6]]))


@pytest.mark.parametrize("hole", [64, 128, 300])
def test_hole_that_swallows_parts_of_lines_never_loses_a_begun_task_silently(hole: int) -> None:
    data = b"".join(WHOLE)
    for start in range(0, len(data) - hole, 16):
        found = entries_of(data[:start] + bytes(hole) + data[start + hole :])
        begun = found.get("i:7")
        assert begun is not None or start < len(WHOLE[0]), start
        is_whole = begun is not None and begun.step is Step.SUBMITTED and Step.INTENT in begun.steps
        torn = read_lines(data[:start] + bytes(hole) + data[start + hole :]).torn_bytes
        assert begun is None or begun.is_uncertain or is_whole or torn, start


def test_two_lines_that_a_hole_made_one_are_not_taken_for_the_second() -> None:
    first, second = WHOLE[4], lines_of(STORY[6], first=6)[0]
    hole = first[:60] + bytes(len(first) - 60 + 90) + second[90:]
    assert doubtful(b"".join(WHOLE[:4]) + hole) == {"i:7", "s:7", "s:9.a-b:c_d"}


def test_what_a_task_says_is_never_taken_for_whose_record_it_is() -> None:
    bait = {"Task": "i:1", "Mark": "5 received i:1", "MarkSum": f"{zlib.crc32(b'5 received i:1'):08x}"}
    text = '- {"Format":1,"LSN":5,"Task":"i:1"'
    data = lines_of(
        ("i:1", Step.RECEIVED, {"Content": {}}),
        ("i:1", Step.DECIDED, {"Verdict": "accept"}),
        ("i:2", Step.RECEIVED, {"Content": {**bait, "Text": text}}),
        ("i:2", Step.DECIDED, {"Verdict": "accept"}),
    )
    for at in range(len(data[2])):
        assert doubtful(data[0] + data[1] + spoil(data[2], at, 0) + data[3]) <= {"i:2"}, at


def make_line(body: bytes) -> bytes:
    return b'- %s,"Sum":"%08x"}\n' % (body, zlib.crc32(body))


@pytest.mark.parametrize(
    "body",
    [
        b"1",
        b'{"Format":2,"LSN":1,"Task":"i:1","Step":"received","At":""',
        b'{"Format":1,"LSN":"1","Task":"i:1","Step":"received","At":""',
        b'{"Format":1,"LSN":1,"Task":"i:x","Step":"received","At":""',
        b'{"Format":1,"LSN":1,"Task":"../x","Step":"received","At":""',
        b'{"Format":1,"LSN":1,"Task":7,"Step":"received","At":""',
        b'{"Format":1,"LSN":NaN,"Task":"i:1","Step":"received","At":""',
        b'{"Format":1},{"Format":1',
        b'{"x":"\xff"',
        b"[" * 100_000,
        b'{"LSN":' + b"9" * 5000,
    ],
)
def test_line_with_a_made_checksum_is_no_record_and_harms_no_other(body: bytes) -> None:
    reading = read_lines(WHOLE[0] + make_line(body) + WHOLE[1])
    assert [record["LSN"] for record in reading.records] == [1, 2]


def test_step_of_a_later_release_is_left_alone() -> None:
    line = write_line(2, "i:7", "pondered", AT, "")
    assert entries_of(WHOLE[0] + line)["i:7"].step is Step.RECEIVED


def test_pieces_tell_lines_and_whose_they_were() -> None:
    data = WHOLE[0] + spoil(WHOLE[1], 100, 10) + spoil(WHOLE[2], 90, 0) + b"garbage\n" + WHOLE[3][:-40]
    told = [(piece.line, piece.key, piece.record is not None, piece.is_torn) for piece in list_pieces(data)]
    assert told == [
        (1, "i:7", True, False),
        (2, "s:7", False, False),
        (4, None, False, False),
        (6, None, False, True),
    ]
    assert b"".join(piece.text for piece in list_pieces(data)) == data


def test_written_json_has_no_member_twice_however_often_it_is_written() -> None:
    line = WHOLE[0]
    for _ in range(3):
        (record,) = read_lines(line).records
        fields = {name: record[name] for name in ("Content", "Digest", "Server")}
        line = write_line(1, "i:7", "received", AT, write_fields(fields))
        pairs = json.loads(line[2:], object_pairs_hook=lambda pairs: [name for name, _ in pairs])
        assert len(pairs) == len(set(pairs))
