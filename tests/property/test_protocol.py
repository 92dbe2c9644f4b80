"""Any bytes are tasks, malformed items or undecodable; what was written is read back as it was."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from duplicati_client.protocol import codec
from duplicati_client.protocol.catalogue import CATALOGUE
from duplicati_client.protocol.result import Recorded, Result, Status, read_receipt
from duplicati_client.protocol.task import Malformed, Task, hide_secrets, read_task, read_tasks

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ids = st.integers(-(2**63) + 1, 2**63 - 1) | st.from_regex(r"[A-Za-z0-9_:-][A-Za-z0-9._:-]{0,127}", fullmatch=True)
members = st.fixed_dictionaries(
    {},
    optional={
        "ID": ids | values,
        "Operation": st.sampled_from([*CATALOGUE, "format"]) | values,
        "Resources": st.lists(st.just({"Type": "backup", "ID": 3}), max_size=2) | values,
        "Parameters": st.dictionaries(st.sampled_from(["wait", "timeout", "count", "a"]), values, max_size=2) | values,
        "Server": values,
        "NotBefore": st.datetimes().map(lambda at: f"{at.isoformat()}Z") | values,
        "Attempt": st.integers() | values,
        "x-note": values,
        "More": values,
    },
)  # fmt: skip
fragments = st.lists(
    st.sampled_from([b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"NaN", b"1e999", b'"ID"', b"7", b"\xc3", b" "]),
    max_size=60,
).map(b"".join)


@given(st.binary(max_size=200) | fragments)
@example(b'{"ID":1,"Operation":"run","Operation":"run"}')
@example(b"[" * 5000 + b"]" * 5000)
def test_any_bytes_are_items_or_undecodable(body):
    try:
        found = read_tasks(body)
    except codec.Undecodable:
        return
    assert all(isinstance(item, Task | Malformed) for item in found)


@given(st.lists(members | values, max_size=5))
def test_items_are_read_one_by_one(items):
    good = {"ID": "the-good-one", "Operation": "status"}
    found = read_tasks(json.dumps([*items, good]).encode())
    assert isinstance(found[-1], Task)
    assert all(item.reason for item in found if isinstance(item, Malformed))


@given(members)
def test_task_is_read_again_from_what_is_kept_of_it(item):
    try:
        first = read_task(codec.decode(json.dumps(item).encode()))
    except codec.Undecodable:
        return
    if isinstance(first, Task):
        assert read_task(codec.decode(codec.encode(first.raw))) == first
        assert set(hide_secrets(first.raw)) == set(first.raw)


@given(st.binary(max_size=100) | fragments)
def test_any_bytes_are_a_receipt_or_none(body):
    with suppress(codec.Undecodable):
        assert read_receipt(body, Result(7, Status.ERROR, {})) in Recorded


@given(ids, st.sampled_from(Status), st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(0, 9)))
def test_result_is_read_back_as_it_was(task_id, status, data):
    written = codec.decode(Result(task_id, status, data, 3).encode())
    expected = {"ID": task_id, "Status": status, **({"Data": data} if data else {}), "Attempt": 3}
    assert written == expected
    assert type(written["ID"]) is type(task_id)
