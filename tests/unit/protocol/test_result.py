"""Results as they are written, and what is a receipt for one."""

from __future__ import annotations

import json

import pytest

from duplicati_client.protocol import codec
from duplicati_client.protocol.result import Recorded, Result, Status, read_receipt

RESULT = Result(task_id=7, status=Status.COMPLETED, data={"Outcome": "success"})
RECEIPT = {"ID": 7, "Status": "completed", "Recorded": "recorded"}


def test_result_is_written_in_the_order_of_the_protocol():
    assert RESULT.encode() == b'{"ID":7,"Status":"completed","Data":{"Outcome":"success"}}'
    accepted = Result(task_id="a", status=Status.ACCEPTED, data={}, attempt=2)
    assert accepted.encode() == b'{"ID":"a","Status":"accepted","Attempt":2}'


def test_words_of_receipts_are_those_of_the_protocol():
    words = (Recorded.RECORDED, Recorded.DUPLICATE, Recorded.LATE, Recorded.CONFLICT, Recorded.ORPHAN, Recorded.STALE)
    assert words == tuple(Recorded) == ("recorded", "duplicate", "late", "conflict", "orphan", "stale")


@pytest.mark.parametrize("recorded", Recorded)
def test_receipt_says_what_was_recorded(recorded):
    assert read_receipt(json.dumps({**RECEIPT, "Recorded": recorded.value, "More": 1}).encode(), RESULT) is recorded


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"[]",
        b"<html>a portal</html>",
        *(
            json.dumps(RECEIPT | change).encode()
            for change in (
                {"ID": "7"}, {"ID": 7.0}, {"ID": True}, {"ID": 8}, {"Status": "accepted"},
                {"Recorded": "kept"}, {"Recorded": None}, {"Recorded": []}, {"Recorded": {}},
            )
        ),
        b'{"ID": 7, "ID": 7, "Status": "completed", "Recorded": "recorded"}',
    ],
)  # fmt: skip
def test_anything_else_is_no_receipt(body):
    with pytest.raises(codec.Undecodable):
        read_receipt(body, RESULT)
