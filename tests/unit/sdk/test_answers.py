"""Decoding an answer and reading its members without trusting any of them."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.sdk import answers
from tests.fakes import answer, html


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", None),
        (b" \r\n", None),
        (b"\xef\xbb\xbf", None),
        (b"null", None),
        (b"\xef\xbb\xbf[1]", [1]),
        ('"ü"'.encode(), "ü"),
    ],
)
def test_body_is_decoded_with_or_without_a_mark(body: bytes, value: object) -> None:
    assert answers.decode(answer(200, body), "it") == value


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": NaN}',
        b"[Infinity]",
        b"\xff\xfe",
        b"[" * 100_000,
        b"nul",
        b'{"a":1}}',
        b"1" * 5000,
        b'"\x01"',
        b"\x00",
    ],
)
def test_damaged_body_is_not_understood(body: bytes) -> None:
    with pytest.raises(errors.NotUnderstood) as caught:
        answers.decode(answer(200, body), "the thing")
    assert type(caught.value) is errors.NotUnderstood
    assert "the thing" in caught.value.message


@pytest.mark.parametrize(
    "reply",
    [html(200), answer(200, b" \n<!DOCTYPE html>"), answer(200, b"hello", headers=[("content-type", "Text/HTML")])],
)
def test_web_page_is_no_duplicati(reply: object) -> None:
    with pytest.raises(errors.NotDuplicati):
        answers.decode(reply, "the thing")


@pytest.mark.parametrize("text", ["1", "123456789012345678", "0a1b2c3d-0000-1111-2222-AABBCCDDEEFF"])
def test_identifiers_of_a_backup_are_digits_or_a_guid(text: str) -> None:
    assert answers.backup_id(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "../1", "1/run", "1?x", "1#", "-1", "1 ", " 1", "1\n", "%31", "١", "1" * 19, "DB-3", "1;2", None, 1, True],
)
def test_anything_else_is_no_identifier(text: object) -> None:
    with pytest.raises(errors.InvalidValue):
        answers.backup_id(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        ("-1", -1),
        (5.9, 5),
        (True, None),
        ("5x", None),
        ("٥", None),
        ("", None),
        (None, None),
        ([], None),
        (10**30, None),
        (1e300, None),
        ("9" * 5000, None),
        (float("inf"), None),
        ({}, None),
    ],
)
def test_number_is_read_from_every_form_and_nothing_else(value: object, number: int | None) -> None:
    assert answers.number({"a": value}, "a") == number


def test_first_name_that_is_present_counts() -> None:
    assert answers.member({"Id": 1, "ID": 2}, "ID", "Id") == 2
    assert answers.member({"Id": None}, "ID", "Id") is None
    assert answers.member([1], "ID") is None


def test_texts_and_flags_of_another_type_are_empty() -> None:
    raw = {"a": 1, "b": "", "c": "x", "d": "true", "e": True}
    assert [answers.text(raw, name) for name in "abc"] == ["", "", "x"]
    assert [answers.text_or_none(raw, name) for name in "abc"] == [None, None, "x"]
    assert [answers.flag(raw, name) for name in "cde"] == [False, False, True]


def test_fraction_is_a_sane_number_or_nothing() -> None:
    values = (0.5, 1, "0.5", True, 1e300, float("inf"), None)
    assert [answers.fraction({"a": v}, "a") for v in values] == [0.5, 1.0, None, None, None, None, None]


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_other_form_than_expected_is_not_understood(value: object) -> None:
    with pytest.raises(errors.NotUnderstood):
        answers.mapping(value, "it")
    with pytest.raises(errors.NotUnderstood):
        answers.sequence({}, "it")
