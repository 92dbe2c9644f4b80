"""What refusals mean that no server was recorded giving: those of proxies, and of releases to come."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer
from duplicati_client.sdk.refusals import explain
from tests.fakes import answer, html


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (html(404), errors.NotDuplicati),
        (html(400), errors.NotUnderstood),
        (html(401), errors.NotAllowed),
        (html(403), errors.NotAllowed),
        (html(407), errors.NotAllowed),
        (html(413), errors.NotUnderstood),
        (answer(429), errors.Overloaded),
        (html(502), errors.Unreachable),
        (html(503), errors.Overloaded),
        (html(504), errors.Unreachable),
        (html(500), errors.ServerFailed),
        (answer(599), errors.ServerFailed),
        (answer(301), errors.Redirected),
        (answer(304), errors.Redirected),
        (answer(418), errors.NotUnderstood),
        (answer(403, b"Invalid PreSharedKey"), errors.PresharedKeyRefused),
        (answer(400, {"error": "lower case"}), errors.InvalidValue),
        (answer(422, {"Message": "no"}), errors.InvalidValue),
        (answer(500, {"status": "failed", "reason": "backup-unstoppable"}), errors.Busy),
        (answer(500, {"Error": "SQLite error: database is locked"}), errors.DatabaseLocked),
        (answer(400, {"Error": "x", "HelpId": "DatabaseLocked"}), errors.DatabaseLocked),
        (answer(404, reason="No such task"), errors.TaskForgotten),
        (answer(500, b"{"), errors.ServerFailed),
        (answer(500, [1]), errors.ServerFailed),
        (answer(400, {"Error": ["x"]}), errors.NotUnderstood),
        (answer(500, b"[" * 100_000), errors.ServerFailed),
    ],
)
def test_every_refusal_is_exactly_one_error(reply: Answer, kind: type[Exception]) -> None:
    error = explain(reply, "the thing")
    assert type(error) is kind
    assert error.message


def test_words_of_the_server_are_passed_on() -> None:
    assert "Missing passphrase" in explain(answer(400, {"Error": "Missing passphrase"}), "x").message
    assert "http://elsewhere" in explain(answer(302, headers=[("Location", "http://elsewhere")]), "x").message


@pytest.mark.parametrize("kind", [errors.Busy, errors.ServerFailed, errors.Unreachable])
def test_what_may_pass_by_itself_is_retryable(kind: type[errors.DuplicatiClientError]) -> None:
    assert kind.is_retryable


@pytest.mark.parametrize("kind", [errors.LoginRefused, errors.CertificateRefused, errors.NotFound, errors.InvalidValue])
def test_what_somebody_must_change_is_not_retryable(kind: type[errors.DuplicatiClientError]) -> None:
    assert not kind.is_retryable


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes) > 20
    assert all(code == code.lower() and " " not in code for code in codes)
