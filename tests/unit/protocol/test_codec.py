"""Decoding is total, strict and bounded; one form stands for one content."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest

from duplicati_client.protocol import codec

MIB = 1024 * 1024
REFUSED = {
    b'{"a": NaN}': "the value NaN",
    b'{"a": Infinity}': "the value Infinity",
    b'{"a": -Infinity}': "the value -Infinity",
    b'{"a": 1e999}': "a number out of range",
    b'{"a": ' + b"7" * 5000 + b"}": "a number beyond 64 bits",
    b'{"a": 9223372036854775808}': "a number beyond 64 bits",
    b'{"a": 1.' + b"0" * 5000 + b"}": "a number out of range",
    b'{"a": "\\ud800"}': "half a surrogate pair",
    b'{"\\udc00": 1}': "half a surrogate pair",
    b'{"a": 1, "a": 1}': "a member given twice",
    b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}": "more than 32 levels",
}
UNDECODABLE = [
    b"",
    b"<html>a portal</html>",
    b"\xef\xbb\xbf[]",
    "[]".encode("utf-16"),
    b"\xff\xfe",
    b"[1,]",
    b"[01]",
    b'"a\nb"',
    b"[" * 100_000,
    b"[}" * 100,
    b"]" * 100 + b"[" * 100,
    b"[] []",
]
HOSTILE = {
    "deep": b"[" * (4 * MIB) + b"]" * (4 * MIB),
    "unclosed": b"[" * (8 * MIB),
    "empty lists": b"[" + b"[]," * (8 * MIB // 3) + b"1]",
    "quotes": b'"' * (8 * MIB),
    "escaped quotes": b'"' + b'\\"' * (4 * MIB),
    "backslashes": b'"' + b"\\\\" * (4 * MIB) + b'"',
    "digits": b"1" * (8 * MIB),
    "nulls": b"\0" * (8 * MIB),
    "members": b"{" + b",".join(b'"%07d":1' % number for number in range(199_000)) + b"}",
    "deep items": b"[" + b",".join(b"[" * 90 + b"]" * 90 for _ in range(2000)) + b"]",
}


@pytest.mark.parametrize("body", REFUSED, ids=REFUSED.values())
def test_value_that_is_not_taken_spoils_only_its_place(body):
    value = codec.decode(b'[{"good": 1},' + body + b"]")
    assert value[0] == {"good": 1}
    assert codec.find_refused(value[0]) is None
    assert codec.find_refused(value[1]) == REFUSED[body]


@pytest.mark.parametrize("body", UNDECODABLE, ids=lambda body: repr(body[:12]))
def test_body_that_is_no_json_is_undecodable(body):
    with pytest.raises(codec.Undecodable):
        codec.decode(body)


@pytest.mark.parametrize("name", HOSTILE)
def test_eight_hostile_mebibytes_cost_little_time_and_memory(name):
    tracemalloc.start()
    started = time.process_time()
    with suppress(codec.Undecodable):
        codec.find_refused(codec.decode(HOSTILE[name]))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 8
    assert peak_bytes < 80 * MIB


def test_brackets_and_escapes_in_a_text_are_no_structure():
    text = '[[[{{"\\' * 50
    assert codec.decode(codec.encode({"a": text})) == {"a": text}


def test_whole_pair_of_surrogates_is_a_letter():
    assert codec.find_refused(codec.decode(b'"\\ud83d\\ude00"')) is None


def test_the_deepest_that_is_allowed_is_taken():
    body = b"[" * codec.DEPTH + b"]" * codec.DEPTH
    assert codec.find_refused(codec.decode(body)) is None


def test_same_content_has_one_form_whatever_its_order():
    one, other = codec.decode(b'{"a": 1, "b": "\xc3\xa9"}'), codec.decode(b'{"b":"\\u00e9","a":1}')
    assert codec.digest(one) == codec.digest(other)
    assert codec.digest(one) != codec.digest({"a": 1, "b": "e"})


def test_nothing_is_written_that_could_not_be_read():
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.encode({"a": float("nan")})
