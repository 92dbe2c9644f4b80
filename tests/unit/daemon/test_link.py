"""What the link asks, what it learns from an answer, and what it never lets into an address."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.daemon.answers import read_retry_after, read_seconds
from duplicati_client.daemon.identity import Identity
from duplicati_client.daemon.link import Away, Beat, CodeRefused, NotTaken, Undecodable
from duplicati_client.http import Answer
from duplicati_client.protocol.result import Recorded, Result, Status
from tests.fakes import FakeTransport, answer
from tests.unit.daemon.linking import LEVEL_1, START_AT, Linked, MemoryFolder

URL = "https://tasks.test/base"


def linked(reply: Any, *, folder: MemoryFolder | None = None, token_file: str | None = None) -> Linked:
    """Link to a server that answers by a function of the request, or always alike."""
    transport = FakeTransport(reply if callable(reply) else lambda request: reply, url=URL)
    link = Linked(transport, Identity(folder or MemoryFolder(), URL, token_file=token_file))
    link.asked = transport
    return link


def at_level_1(status: int = 200, body: Any = b"", *headers: tuple[str, str]) -> Answer:
    return answer(status, body, headers=[LEVEL_1, *headers])


def test_every_request_tells_the_level_and_the_instance() -> None:
    link = linked(at_level_1(304))
    link.poll()
    headers = link.asked.requests[0].headers
    assert headers["Duplicati-Task-Protocol"] == "1"
    assert headers["Duplicati-Instance"] == link.identity.instance_id


@pytest.mark.parametrize("value", ["2", "", "1, 1", "01"])
def test_another_word_than_1_is_no_level_1(value: str) -> None:
    link = linked(answer(304, headers=[("Duplicati-Task-Protocol", value)]))
    link.poll()
    assert link.level == 0


def test_a_level_that_changes_is_told_once_each_time() -> None:
    replies = [at_level_1(304), at_level_1(304), answer(304), at_level_1(304)]
    link = linked(lambda request: replies.pop(0))
    levels = [link.poll() and link.level for _ in range(4)]
    assert levels == [1, 1, 0, 1]
    assert link.codes == ["level"] * 3


def test_a_portal_does_not_lower_the_level() -> None:
    replies = [at_level_1(304), answer(200, b"<html>", headers=[("Content-Type", "text/html")])]
    link = linked(lambda request: replies.pop(0))
    link.poll()
    with pytest.raises(Undecodable):
        link.poll()
    assert link.level == 1


@pytest.mark.parametrize(
    "task_id", ["..", ".", "", "a/b", "a?b", "a%2e", "ü", "a b", "x" * 129, True, 7.0, None, "a\n"]
)
def test_an_id_that_could_steer_an_address_enters_none(task_id: Any) -> None:
    link = linked(at_level_1(200))
    link.level = 1
    with pytest.raises(errors.InvalidValue):
        link.post(Result(task_id, Status.COMPLETED, {}))
    assert link.asked.requests == []


@pytest.mark.parametrize(
    ("task_id", "path"), [(7, "7"), ("7", "7"), ("a:b_c.d-e", "a:b_c.d-e"), ("..a", "..a"), (-3, "-3")]
)
def test_a_checked_id_stands_in_the_address_as_it_is(task_id: Any, path: str) -> None:
    link = linked(answer(200))
    link.level = 0
    assert link.post(Result(task_id, Status.COMPLETED, {})) is None
    assert link.asked.asked == [f"POST api/tasks/{path}/result"]


def test_before_the_first_contact_a_result_waits_for_a_poll_to_tell_who_answers() -> None:
    link = linked(lambda request: at_level_1(304) if request.method == "GET" else answer(200))
    with pytest.raises(Undecodable):
        link.post(Result(1, Status.COMPLETED, {}))
    assert link.asked.asked == ["GET api/tasks/status", "POST api/tasks/1/result"]


@pytest.mark.parametrize(
    "body", [b"", b"  \n", b"OK", b"{}", b'{"ok":true}', b'{"ID":1}', b'{"ID":"1"}', b"kept", b'"1"', b"[]"]
)
def test_a_plain_server_may_say_anything_short_that_is_no_page(body: bytes) -> None:
    link = linked(answer(200, body))
    link.level = 0
    assert link.post(Result(1, Status.COMPLETED, {})) is None


def test_a_plain_server_may_give_a_whole_receipt() -> None:
    link = linked(answer(200, {"ID": 1, "Status": "completed", "Recorded": "late"}))
    link.level = 0
    assert link.post(Result(1, Status.COMPLETED, {})) is Recorded.LATE


@pytest.mark.parametrize(
    "body",
    [b"<!doctype html>", b"Please <a href=x>log in</a>", b"x" * 2000, b'{"ID":2}', b"{", b'{"ID":1,"Recorded":"?"}'],
)
def test_a_page_or_a_receipt_for_something_else_confirms_nothing(body: bytes) -> None:
    link = linked(answer(200, body))
    link.level = 0
    with pytest.raises(Undecodable):
        link.post(Result(1, Status.COMPLETED, {}))


@pytest.mark.parametrize("body", [b'{"password": "hunter2"', b"x hunter2"])
def test_json_that_is_not_understood_is_never_shown(body: bytes) -> None:
    link = linked(answer(200, body, headers=[("Content-Type", "application/json")]))
    link.level = 1
    with pytest.raises(Undecodable) as caught:
        link.post(Result(1, Status.COMPLETED, {}))
    assert "hunter2" not in caught.value.message


def test_of_a_page_two_hundred_harmless_characters_are_shown() -> None:
    link = linked(answer(200, b"<html>\x1b[31m\x00" + "ü\u202e".encode() + b"x" * 5000))
    with pytest.raises(Undecodable) as caught:
        link.poll()
    assert "<html>" in caught.value.message
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 400


def test_the_clock_of_the_server_is_learnt_and_moves_nothing_but_its_own_time() -> None:
    link = linked(at_level_1(304, b"", ("Date", format_datetime(START_AT + timedelta(days=3650), usegmt=True))))
    link.poll()
    assert link.clock_offset_seconds == timedelta(days=3650).total_seconds()
    assert link.server_now() == START_AT + timedelta(days=3650)


@pytest.mark.parametrize(
    "date", ["", "yesterday", "x" * 5000, "Tue, 99 Nov 2026 12:00:00 GMT", "Tue, 24 Nov 99999999 12:00:00 GMT"]
)
def test_a_date_that_is_none_teaches_nothing(date: str) -> None:
    link = linked(at_level_1(304, b"", ("Date", date)))
    link.poll()
    assert link.clock_offset_seconds is None
    assert link.server_now() == START_AT


def test_a_portals_clock_is_not_taken() -> None:
    link = linked(answer(302, headers=[("Date", "Tue, 24 Nov 2020 12:00:00 GMT")]))
    with pytest.raises(Undecodable):
        link.poll()
    assert link.clock_offset_seconds is None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("5", 5), ("0", 1), ("99999", 3600), ("-1", None), ("1.5", None), ("", None), ("soon", None), ("9" * 400, None),
     ("٣", None), ("Tue, 24 Nov 2026 12:01:30 GMT", 90), ("Tue, 24 Nov 2020 12:00:00 GMT", 1),
     ("Tue, 24 Nov 2099 12:00:00 GMT", 3600), ("Tue, 99 Nov 2026 12:00:00 GMT", None)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date_within_an_hour_or_nothing(told: str, seconds: float | None) -> None:
    reply = answer(503, headers=[("Retry-After", told), ("Date", "Tue, 24 Nov 2026 12:00:00 GMT")])
    assert read_retry_after(reply) == seconds
    with pytest.raises(Away) as caught:
        linked(reply).poll()
    assert caught.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("10", 10), ("0", 1), ("1e9", 3600), ("nan", None), ("inf", 3600), ("-5", 1), ("x", None), (None, None),
     ([], None),     (30, 30), (2.5, 2.5), ("1" * 99, None)],
)  # fmt: skip
def test_an_interval_is_within_a_second_and_an_hour_or_none(told: Any, seconds: float | None) -> None:
    assert read_seconds(told) == seconds


def test_the_interval_the_server_wishes_is_taken_at_level_1_only() -> None:
    wish = ("Duplicati-Poll-After", "45")
    assert linked(at_level_1(304, b"", wish)).poll().poll_after_seconds == 45
    assert linked(answer(304, headers=[wish])).poll().poll_after_seconds is None


def test_the_last_tag_is_sent_again_and_one_of_a_303_is_not() -> None:
    replies = [at_level_1(304, b"", ("ETag", '"a"')), at_level_1(303, b"", ("ETag", '"b"')), at_level_1(304)]
    link = linked(lambda request: replies.pop(0))
    for _ in range(3):
        link.poll()
    assert [request.headers.get("If-None-Match") for request in link.asked.requests] == [None, '"a"', None]


def test_an_epoch_is_taken_at_the_first_contact_and_a_change_is_told_once() -> None:
    epochs = ["one", "one", "two", "two"]
    link = linked(lambda request: at_level_1(304, b"", ("Duplicati-Epoch", epochs.pop(0))))
    for _ in range(4):
        link.poll()
    assert link.codes == ["level", "epoch-changed"]
    assert link.epoch == "two"
    assert link.identity.known.epoch == "one"


def test_an_epoch_that_cannot_be_kept_does_not_stop_the_daemon() -> None:
    folder = MemoryFolder()
    folder.is_full = True
    assert not linked(at_level_1(304, b"", ("Duplicati-Epoch", "one")), folder=folder).poll().has_tasks


def test_a_heartbeat_brings_what_is_to_be_stopped_and_nothing_that_is_no_id() -> None:
    link = linked(at_level_1(200, {"Cancel": [1, "2", "../x", True, None, {}, 2.0], "PollAfter": 20}))
    link.level = 1
    assert link.heartbeat([{"ID": 1}], "running") == Beat((1, "2"), 20)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"Cancel": NaN}'])
def test_a_heartbeats_answer_that_is_no_object_stops_nothing(body: bytes) -> None:
    link = linked(at_level_1(200, body))
    link.level = 1
    with pytest.raises(Undecodable):
        link.heartbeat([], "idle")


def test_a_strange_list_of_cancels_is_no_list() -> None:
    link = linked(at_level_1(200, {"Cancel": "all"}))
    link.level = 1
    assert link.heartbeat([], "idle") == Beat()


def test_the_old_token_is_not_sent_along_with_a_code(tmp_path: Any) -> None:
    from tests.unit.daemon.linking import write_token

    file = write_token(tmp_path / "token", "old")
    link = linked(at_level_1(200, {"DaemonID": "d-1", "Token": "new", "Epoch": "e"}), token_file=file)
    assert link.enrol("code", "nas", {}).daemon_id == "d-1"
    assert "Authorization" not in link.asked.requests[0].headers
    assert link.identity.token == "new"
    assert link.identity.known == ("d-1", "e", START_AT.isoformat(timespec="seconds"))


@pytest.mark.parametrize(
    "members",
    [{}, {"DaemonID": "d"}, {"DaemonID": "d", "Token": ""}, {"DaemonID": "d", "Token": "a b"},
     {"DaemonID": 7, "Token": "t"}, {"DaemonID": "d\n", "Token": "t"}, {"DaemonID": "d", "Token": "x" * 2000}, []],
)  # fmt: skip
def test_an_enrolment_that_is_none_leaves_everything_as_it_was(tmp_path: Any, members: Any) -> None:
    link = linked(at_level_1(200, members), token_file=str(tmp_path / "token"))
    with pytest.raises(Undecodable):
        link.enrol("code", "nas", {})
    assert list(tmp_path.iterdir()) == []


def test_a_pending_enrolment_is_none_yet(tmp_path: Any) -> None:
    assert linked(at_level_1(202, {"Pending": True})).enrol("code", "nas", {}) is None


def test_a_code_that_is_not_taken_and_a_server_without_enrolment_are_two_things() -> None:
    with pytest.raises(CodeRefused):
        linked(at_level_1(403)).enrol("code", "nas", {})
    with pytest.raises(CodeRefused, match="too many wrong ones"):
        linked(at_level_1(429, {"type": "urn:duplicati-task:too-many-codes"})).enrol("code", "nas", {})
    with pytest.raises(Away):
        linked(at_level_1(429)).enrol("code", "nas", {})
    with pytest.raises(NotTaken, match=r"no enrolment at https://tasks\.test/…"):
        linked(answer(404)).enrol("code", "nas", {})
    with pytest.raises(Undecodable, match="level 1"):
        linked(answer(200, {"DaemonID": "d", "Token": "t"})).enrol("code", "nas", {})


def test_a_renewal_happens_when_it_is_due_and_not_before(tmp_path: Any) -> None:
    file = str(tmp_path / "token")
    link = linked(at_level_1(200, {"Token": "next"}), token_file=file)
    link.level = 1
    link.identity.keep_token("first", START_AT)
    assert not link.renew_token_if_due()
    link.pass_time(days=68)
    assert link.renew_token_if_due()
    assert link.identity.token == "next"
    assert not link.renew_token_if_due()


def test_a_result_with_nan_in_it_is_our_own_fault_and_not_sent() -> None:
    link = linked(answer(200))
    link.level = 0
    with pytest.raises(ValueError, match="JSON"):
        link.post(Result(1, Status.COMPLETED, {"x": float("nan")}))
    assert link.asked.requests == []


def test_every_failure_of_a_transport_becomes_one_of_the_links() -> None:
    def all_of(kind: type) -> set[type]:
        return {kind} | {found for sub in kind.__subclasses__() for found in all_of(sub)}

    ours = "duplicati_client.errors"
    for kind in sorted(all_of(errors.Unreachable) | all_of(errors.NotUnderstood), key=lambda kind: kind.__name__):
        if kind.__module__ == ours:
            with pytest.raises((Away, Undecodable)) as caught:
                linked(lambda request, kind=kind: kind(f"{URL}/api: broken")).poll()
            assert "/base" not in caught.value.message
            assert caught.value.hint


@pytest.mark.parametrize(("told", "scheme"), [("", "Bearer"), ("basic = true\n", "Basic")])
def test_a_configuration_says_how_the_token_is_sent(tmp_path: Any, told: str, scheme: str) -> None:
    from duplicati_client.daemon import config
    from duplicati_client.daemon.link import open_link
    from tests.unit.daemon.linking import write_token

    write_token(tmp_path / "token", "tok")
    text = 'name = "nas"\nstate_folder = "state"\n[task_server]\nurl = "https://tasks.test/x"\n'
    text += f'token_file = "token"\n{told}'
    (tmp_path / "d.toml").write_text(text + '[servers.main]\nurl = "http://127.0.0.1:1"\n[policy]\npreset = "run"\n')
    (tmp_path / "d.toml").chmod(0o600)
    tmp_path.chmod(0o700)
    link = open_link(config.load(str(tmp_path / "d.toml")), MemoryFolder(), lambda: START_AT, lambda code, text: None)
    assert link.identity.headers()["Authorization"].startswith(scheme)
    assert link.address == "https://tasks.test/…"
