"""What a store promises, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta

import pytest

from duplicati_client.protocol.result import Recorded, Result, Status
from duplicati_client.taskserver.errors import (
    CursorInvalid,
    DaemonUnknown,
    KeyReused,
    LastAdministrator,
    NameTaken,
    QuotaExceeded,
    VersionChanged,
)
from duplicati_client.taskserver.records import Code, DaemonState, Draft, Key, Role, Sighting, TaskState, Token, User
from duplicati_client.taskserver.store import tasks as task_work
from duplicati_client.taskserver.store.database import Query
from duplicati_client.taskserver.store.interface import Arrival, DaemonChange, TaskQuery
from tests.contract.store_stage import opened

LEASE = timedelta(seconds=120)
LIFE = timedelta(days=90)


def record(stage, daemon_id, number, status, data=None, *, attempt=None):
    return stage.run(stage.store.tasks.record(daemon_id, Result(number, Status(status), data or {}, attempt)))


def offer(stage, daemon_id, *, after=0, limit=10, lease=LEASE):
    tasks, has_more = stage.run(stage.store.tasks.hand_out(daemon_id, after, limit, lease))
    return [task.number for task in tasks], has_more


def state_of(stage, daemon_id, number):
    return stage.run(stage.store.tasks.get(daemon_id, number)).state


# --- tasks ----------------------------------------------------------------------------------------------


def test_numbers_of_a_daemon_rise_and_never_come_back(stage, daemon_id):
    assert stage.give(daemon_id, 2) == [1, 2]
    record(stage, daemon_id, 2, "completed")
    stage.run(stage.store.tasks.tidy(timedelta(0), 100))
    assert stage.give(daemon_id) == [3]


def test_whoever_gives_tasks_is_told_of_them_as_they_are_kept(stage, daemon_id):
    ends_at = datetime(2031, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    drafts = [Draft(daemon_id, {"Operation": "run", "Odd": "\u1234"}, ends_at), Draft(daemon_id, {"Operation": "list"})]
    made = stage.run(stage.store.tasks.create(drafts, "somebody"))
    assert made == [stage.run(stage.store.tasks.get(daemon_id, number)) for number in (1, 2)]


@pytest.mark.parametrize("bits", [15, 31, 53])
def test_numbers_rise_beyond_what_a_small_integer_holds(stage, daemon_id, bits):
    def skip():
        yield Query("take_numbers", {"daemon_id": daemon_id, "count": 2**bits - 2})

    stage.run(stage.database.write(skip))
    assert stage.give(daemon_id, 2) == [2**bits - 1, 2**bits]
    assert offer(stage, daemon_id) == ([2**bits - 1, 2**bits], False)
    assert record(stage, daemon_id, 2**bits, "completed") is Recorded.RECORDED


def test_a_task_goes_from_pending_to_completed(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    assert state_of(stage, daemon_id, number) is TaskState.PENDING
    assert offer(stage, daemon_id) == ([number], False)
    assert state_of(stage, daemon_id, number) is TaskState.OFFERED
    assert record(stage, daemon_id, number, "accepted") is Recorded.RECORDED
    assert state_of(stage, daemon_id, number) is TaskState.ACCEPTED
    assert record(stage, daemon_id, number, "completed", {"Outcome": "warning"}) is Recorded.RECORDED
    task = stage.run(stage.store.tasks.get(daemon_id, number))
    assert (task.state, task.outcome, task.result) == (TaskState.COMPLETED, "warning", {"Outcome": "warning"})
    assert task.created_at <= task.offered_at <= task.accepted_at <= task.ended_at


def test_an_offered_task_is_offered_again_once_its_lease_is_over(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    assert offer(stage, daemon_id, lease=timedelta(0)) == ([number], False)
    assert offer(stage, daemon_id) == ([number], False)
    assert offer(stage, daemon_id) == ([], False)


def test_an_accepted_task_is_never_offered_again(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    offer(stage, daemon_id, lease=timedelta(0))
    record(stage, daemon_id, number, "accepted")
    assert offer(stage, daemon_id) == ([], False)


def test_offers_come_oldest_first_and_say_whether_there_is_more(stage, daemon_id):
    stage.give(daemon_id, 5)
    assert offer(stage, daemon_id, limit=2) == ([1, 2], True)
    assert offer(stage, daemon_id, after=2, limit=2) == ([3, 4], True)
    assert offer(stage, daemon_id, after=4, limit=2) == ([5], False)


@pytest.mark.parametrize(
    ("before", "then", "expected"),
    [
        (["completed"], "completed", Recorded.DUPLICATE),
        (["completed"], "error", Recorded.CONFLICT),
        (["completed"], "accepted", Recorded.STALE),
        (["accepted"], "accepted", Recorded.DUPLICATE),
        (["accepted", "refused"], "accepted", Recorded.STALE),
        ([], "error", Recorded.RECORDED),
        (["refused"], "refused", Recorded.DUPLICATE),
    ],
)
def test_what_comes_again_is_answered_by_what_is_known(stage, daemon_id, before, then, expected):
    (number,) = stage.give(daemon_id)
    for status in before:
        record(stage, daemon_id, number, status)
    assert record(stage, daemon_id, number, then) is expected


def test_the_first_end_counts_and_the_second_is_kept(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    record(stage, daemon_id, number, "completed", {"Outcome": "success"})
    assert record(stage, daemon_id, number, "completed", {"Outcome": "error"}) is Recorded.CONFLICT
    assert stage.run(stage.store.tasks.get(daemon_id, number)).outcome == "success"
    (kept,) = stage.run(stage.store.tasks.list_results(daemon_id, number))
    assert (kept.recorded, kept.data) == ("conflict", {"Outcome": "error"})


@pytest.mark.parametrize("task_id", [99, "1", 0, -1, 2**70])
def test_a_result_of_no_task_is_an_orphan(stage, daemon_id, task_id):
    stage.give(daemon_id)
    assert record(stage, daemon_id, task_id, "completed") is Recorded.ORPHAN


def test_what_a_daemon_says_is_recorded_however_odd_it_is(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    assert record(stage, daemon_id, number, "completed", attempt=2**62) is Recorded.STALE
    assert record(stage, daemon_id, "\0", "completed", {"Outcome": "\0"}, attempt=-(2**62)) is Recorded.ORPHAN
    stage.run(stage.store.daemons.keep_health(daemon_id, "\0"))
    assert record(stage, daemon_id, number, "completed", {"Outcome": "\0well"}) is Recorded.RECORDED
    assert stage.run(stage.store.tasks.get(daemon_id, number)).result == {"Outcome": "\0well"}


def test_a_task_of_another_daemon_cannot_be_ended(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    other = stage.add_daemon("other")
    assert record(stage, other, number, "completed") is Recorded.ORPHAN
    assert state_of(stage, daemon_id, number) is TaskState.PENDING


def test_a_superseded_attempt_is_kept_and_not_applied(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    record(stage, daemon_id, number, "accepted", attempt=1)
    task = stage.run(stage.store.tasks.reassign(daemon_id, number, "somebody"))
    assert (task.state, task.attempt) == (TaskState.PENDING, 2)
    assert record(stage, daemon_id, number, "completed", attempt=1) is Recorded.STALE
    assert state_of(stage, daemon_id, number) is TaskState.PENDING
    assert record(stage, daemon_id, number, "completed", attempt=2) is Recorded.RECORDED


def test_a_waiting_task_is_cancelled_at_once_and_what_still_comes_is_late(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    assert stage.run(stage.store.tasks.cancel(daemon_id, number, "somebody")).state is TaskState.CANCELLED
    assert offer(stage, daemon_id) == ([], False)
    assert record(stage, daemon_id, number, "completed") is Recorded.LATE


def test_the_wish_to_cancel_reaches_the_daemon_that_has_the_task(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    record(stage, daemon_id, number, "accepted")
    task = stage.run(stage.store.tasks.cancel(daemon_id, number, "somebody"))
    assert (task.state, task.is_cancel_wanted) == (TaskState.ACCEPTED, True)
    assert stage.run(stage.store.tasks.note_progress(daemon_id, {number: {"Phase": "x"}})) == [number]
    assert stage.run(stage.store.tasks.get(daemon_id, number)).progress == {"Phase": "x"}
    assert record(stage, daemon_id, number, "completed") is Recorded.RECORDED


def test_a_task_that_is_given_anew_after_a_wish_to_cancel_is_handed_out(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    record(stage, daemon_id, number, "accepted")
    stage.run(stage.store.tasks.cancel(daemon_id, number, "somebody"))
    stage.run(stage.store.tasks.reassign(daemon_id, number, "somebody"))
    assert offer(stage, daemon_id) == ([number], False)


def test_a_cancelled_offer_ends_with_its_lease(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    offer(stage, daemon_id, lease=timedelta(0))
    stage.run(stage.store.tasks.cancel(daemon_id, number, "somebody"))
    stage.run(stage.store.tasks.tidy(LIFE, 100))
    assert state_of(stage, daemon_id, number) is TaskState.CANCELLED


def test_a_task_past_its_time_expires_unless_a_daemon_has_it(stage, daemon_id):
    past = datetime.now(UTC) - timedelta(seconds=5)
    drafts = [Draft(daemon_id, {"Operation": "status"}, past)] * 2
    stage.run(stage.store.tasks.create(drafts, "somebody"))
    record(stage, daemon_id, 2, "accepted")
    assert stage.run(stage.store.tasks.tidy(LIFE, 100)) == 1
    assert state_of(stage, daemon_id, 1) is TaskState.EXPIRED
    assert state_of(stage, daemon_id, 2) is TaskState.ACCEPTED


def test_a_task_that_kills_whoever_takes_it_is_closed(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    for _ in range(task_work.OFFERS_MAX):
        assert offer(stage, daemon_id, lease=timedelta(milliseconds=1)) == ([number], False)
        stage.run(asyncio.sleep(0.003))
    stage.run(stage.store.tasks.tidy(LIFE, 100))
    task = stage.run(stage.store.tasks.get(daemon_id, number))
    assert (task.state, task.result["Code"]) == (TaskState.ERROR, "poison")


def test_a_plain_daemon_that_says_nothing_until_it_is_done_is_not_taken_for_dead(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    for _ in range(2 * task_work.OFFERS_MAX):
        offer(stage, daemon_id, lease=timedelta(0))
    stage.run(stage.store.tasks.tidy(LIFE, 100))
    assert record(stage, daemon_id, number, "completed") is Recorded.RECORDED


def test_attention_follows_a_task(stage, daemon_id):
    def attention():
        return tuple(stage.run(stage.store.tasks.attend(daemon_id)))

    assert attention() == (False, False)
    (number,) = stage.give(daemon_id)
    assert attention() == (True, False)
    assert stage.run(stage.store.tasks.attend_all([daemon_id, "another"])) == {daemon_id}
    offer(stage, daemon_id)
    assert attention() == (False, True)
    record(stage, daemon_id, number, "accepted")
    assert attention() == (False, False)


def test_more_open_tasks_than_the_quota_are_refused_whole(stage, daemon_id, monkeypatch):
    monkeypatch.setattr(task_work, "OPEN_TASKS_MAX", 3)
    stage.give(daemon_id, 2)
    with pytest.raises(QuotaExceeded):
        stage.give(daemon_id, 2)
    assert stage.give(daemon_id, 1) == [3]


def test_nobody_is_given_a_task_if_one_of_them_is_unknown(stage, daemon_id):
    drafts = [Draft(daemon_id, {"Operation": "status"}), Draft("d-nobody", {"Operation": "status"})]
    with pytest.raises(DaemonUnknown):
        stage.run(stage.store.tasks.create(drafts, "somebody"))
    assert stage.run(stage.store.tasks.find(TaskQuery())).items == []


def test_a_listing_goes_through_all_tasks_page_by_page(stage, daemon_id):
    other = stage.add_daemon("other")
    stage.give(daemon_id, 3)
    stage.give(other, 3)
    record(stage, other, 2, "completed")

    def walk(**which):
        found, cursor = [], None
        while True:
            page = stage.run(stage.store.tasks.find(TaskQuery(**which, cursor=cursor, limit=2)))
            found += [(task.daemon_id, task.number) for task in page.items]
            cursor = page.next
            if cursor is None:
                return found

    assert len(walk()) == 6
    assert walk(daemon_ids=[other]) == [(other, 3), (other, 2), (other, 1)]
    assert walk(states=[TaskState.COMPLETED]) == [(other, 2)]
    assert sorted(walk(states=[TaskState.PENDING], daemon_ids={other, daemon_id})) == sorted(
        [(other, 1), (other, 3), (daemon_id, 1), (daemon_id, 2), (daemon_id, 3)]
    )


def test_a_page_of_some_daemons_that_ends_at_a_task_of_another_does_not_name_it(stage, daemon_id):
    first, stranger, last = sorted([daemon_id, stage.add_daemon("second"), stage.add_daemon("third")])
    drafts = [Draft(one, {"Operation": "status"}) for one in (first, last, *[stranger] * 2500)]
    stage.run(stage.store.tasks.create(drafts, "somebody"))  # of one time
    found, cursors, cursor = [], [], None
    while not cursors or cursor is not None:
        page = stage.run(stage.store.tasks.find(TaskQuery({first, last}, cursor=cursor)))
        found += [task.daemon_id for task in page.items]
        cursor = page.next
        cursors.append(base64.urlsafe_b64decode((cursor or "") + "==").decode())
    assert sorted(found) == [first, last]
    assert len(cursors) > 1
    assert not any(stranger in one for one in cursors)


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10", "WzEsMiwzXQ", "WyJhIl0", "a" * 2000, "WzUsIlx1ZDgwMCIsMV0", "WzUsIlx1MDAwMCIsMV0"]
)
def test_a_cursor_that_no_page_gave_is_refused(stage, cursor):
    with pytest.raises(CursorInvalid):
        stage.run(stage.store.tasks.find(TaskQuery(cursor=cursor)))


def test_texts_of_every_kind_come_back_as_they_were(stage, daemon_id):
    odd = {"Operation": "status", "x-text": "\u0000 \u2028 \U0001f600 é é ' \" %s :name -- ;"}
    stage.run(stage.store.tasks.create([Draft(daemon_id, odd)], "somebody"))
    assert stage.run(stage.store.tasks.get(daemon_id, 1)).content == odd


def test_changes_are_told_after_they_are_durable(stage, daemon_id):
    stage.give(daemon_id)
    for _ in range(100):
        if any(change.topic == "task" and change.daemon_id == daemon_id for change in stage.changes):
            break
        stage.run(asyncio.sleep(0.02))
    assert any(change.topic == "task" and change.daemon_id == daemon_id for change in stage.changes)


def test_fifty_at_once_record_one_end(stage, daemon_id):
    (number,) = stage.give(daemon_id)

    async def all_at_once():
        results = [Result(number, Status.COMPLETED, {"N": index}) for index in range(50)]
        return await asyncio.gather(*(stage.store.tasks.record(daemon_id, result) for result in results))

    answers = stage.run(all_at_once())
    assert sorted(answers) == sorted([Recorded.RECORDED] + [Recorded.CONFLICT] * 49)


def test_two_who_fetch_at_once_get_different_tasks(stage, daemon_id):
    stage.give(daemon_id, 20)

    async def all_at_once():
        return await asyncio.gather(*(stage.store.tasks.hand_out(daemon_id, 0, 5, LEASE) for _ in range(8)))

    numbers = [task.number for tasks, _ in stage.run(all_at_once()) for task in tasks]
    assert len(numbers) == len(set(numbers))


# --- daemons and codes ----------------------------------------------------------------------------------


def make_code(stage, *, uses=1, approve=False, life=timedelta(hours=1), name=None):
    now = datetime.now(UTC)
    code = Code(f"c-{uses}-{approve}", now, "somebody", now + life, uses, name, {"site": "x"}, approve)
    stage.run(stage.store.codes.add(code, "digest of code"))
    return code


def redeem(stage, name="new", token="digest of token"):
    return stage.run(stage.store.codes.redeem("digest of code", Arrival(name, {"System": "x"}, token, LIFE)))


def test_a_code_makes_a_daemon_with_its_labels(stage):
    make_code(stage)
    daemon = redeem(stage)
    assert (daemon.name, daemon.state, daemon.labels) == ("new", DaemonState.ACTIVE, {"site": "x"})
    found, is_expired = stage.run(stage.store.daemons.find_by_token("digest of token"))
    assert (found.daemon_id, is_expired) == (daemon.daemon_id, False)


def test_fifty_at_once_use_a_code_once(stage):
    make_code(stage)

    async def all_at_once():
        arrivals = [Arrival(f"n{index}", {}, f"t{index}", LIFE) for index in range(50)]
        return await asyncio.gather(*(stage.store.codes.redeem("digest of code", one) for one in arrivals))

    assert len([daemon for daemon in stage.run(all_at_once()) if daemon is not None]) == 1


def test_a_code_that_is_found_used_is_told_of_once(stage):
    code = make_code(stage)
    assert redeem(stage) is not None
    assert [redeem(stage, name, name) for name in ("thief", "thief", "other")] == [None] * 3
    assert stage.run(stage.store.codes.redeem("digest of none", Arrival("n", {}, "t", LIFE))) is None
    found = [
        (entry.actor, entry.subject, entry.details)
        for entry in stage.run(stage.store.register.list_audit(None, 10)).items
        if entry.action == "code.found-used"
    ]
    assert found == [("server", code.code_id, {"Name": "thief"})]


@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_daemon_that_waits_under_another_name_than_it_has_gets_its_token(stage, is_renamed):
    make_code(stage, approve=True, name="nas")
    waiting = redeem(stage, "what it calls itself")
    change = DaemonChange(name="attic" if is_renamed else None, state=DaemonState.ACTIVE)
    assert redeem(stage, "what it calls itself").state is DaemonState.WAITING
    stage.run(stage.store.daemons.change(waiting.daemon_id, change, "somebody"))
    assert redeem(stage, "another who has the code") is None
    assert redeem(stage, "what it calls itself").daemon_id == waiting.daemon_id
    assert stage.run(stage.store.daemons.find_by_token("digest of token")) is not None


def test_an_expired_or_revoked_code_makes_nothing(stage):
    code = make_code(stage, uses=5)
    assert stage.run(stage.store.codes.revoke(code.code_id, "somebody"))
    assert redeem(stage) is None
    assert stage.run(stage.store.codes.find()) == []
    make_code_again = Code("late", code.created_at, "somebody", code.created_at - timedelta(1), 1, None, {}, False)
    stage.run(stage.store.codes.add(make_code_again, "digest of late"))
    assert stage.run(stage.store.codes.redeem("digest of late", Arrival("n", {}, "t", LIFE))) is None


def test_a_daemon_that_waits_gets_its_token_once_it_is_approved_and_only_once(stage):
    make_code(stage, approve=True)
    waiting = redeem(stage, token="first")
    assert waiting.state is DaemonState.WAITING
    assert stage.run(stage.store.daemons.find_by_token("first")) is None
    assert redeem(stage, token="second").daemon_id == waiting.daemon_id
    stage.run(stage.store.daemons.change(waiting.daemon_id, DaemonChange(state=DaemonState.ACTIVE), "somebody"))
    assert redeem(stage, token="third").state is DaemonState.ACTIVE
    assert redeem(stage, token="fourth") is None
    assert stage.run(stage.store.daemons.find_by_token("third")) is not None


def test_a_taken_name_leaves_the_code_as_it_was(stage, daemon_id):
    make_code(stage)
    with pytest.raises(NameTaken):
        redeem(stage, name="NAS")
    assert redeem(stage, name="nas2") is not None


def test_a_token_and_its_successor_are_valid_until_the_successor_is_used(stage, daemon_id):
    old, new = "digest of nas", "digest of new"

    def is_valid(token):
        return stage.run(stage.store.daemons.find_by_token(token)) is not None

    assert stage.run(stage.store.daemons.renew_token(daemon_id, old, new, LIFE))
    assert is_valid(old)
    assert is_valid(new)
    assert not is_valid(old)
    assert not stage.run(stage.store.daemons.renew_token(daemon_id, old, "another", LIFE))


def test_a_token_past_its_life_is_known_and_said_to_be_so(stage):
    make_code(stage)
    stage.run(stage.store.codes.redeem("digest of code", Arrival("new", {}, "short", timedelta(milliseconds=1))))
    stage.run(asyncio.sleep(0.01))
    _, is_expired = stage.run(stage.store.daemons.find_by_token("short"))
    assert is_expired


def test_a_revoked_daemon_comes_in_no_more_and_its_name_is_free(stage, daemon_id):
    (number,) = stage.give(daemon_id)
    stage.run(stage.store.daemons.change(daemon_id, DaemonChange(state=DaemonState.REVOKED), "somebody"))
    assert stage.run(stage.store.daemons.find_by_token("digest of nas")) is None
    assert state_of(stage, daemon_id, number) is TaskState.CANCELLED
    assert stage.run(stage.store.daemons.add("nas", "another digest", {}, "somebody")).daemon_id != daemon_id


def test_what_a_revoked_daemon_has_begun_is_over_for_it_can_say_no_more(stage, daemon_id):
    accepted, offered = stage.give(daemon_id, 2)
    offer(stage, daemon_id)
    record(stage, daemon_id, accepted, "accepted")
    stage.changes.clear()
    stage.run(stage.store.daemons.change(daemon_id, DaemonChange(state=DaemonState.REVOKED), "somebody"))
    for number in (accepted, offered):
        task = stage.run(stage.store.tasks.get(daemon_id, number))
        assert (task.state, task.result["Code"]) == (TaskState.ERROR, "outcome-unknown")
    assert {change.topic for change in stage.changes} == {"task", "access"}


def test_two_instances_by_turns_are_a_conflict_and_a_restart_is_none(stage, daemon_id):
    def come(instance):
        return bool(stage.run(stage.store.daemons.touch({daemon_id: Sighting(instance, time.monotonic())}, 1)))

    assert [come("a"), come("a"), come("b"), come("c")] == [False] * 4
    assert come("b")
    assert come("b")
    stage.run(stage.store.daemons.choose_instance(daemon_id, "somebody"))
    assert not come("b")


def test_late_word_of_what_an_instance_asked_before_it_was_followed_is_no_conflict(stage, daemon_id):
    def tell(instance, seconds_ago=0.0):
        sighting = Sighting(instance, time.monotonic() - seconds_ago)
        return bool(stage.run(stage.store.daemons.touch({daemon_id: sighting}, 1)))

    assert not tell("a", 9.0)
    assert not tell("b")
    assert not tell("a", 4.0)
    assert stage.run(stage.store.daemons.get(daemon_id)).instance == "b"
    assert datetime.now(UTC) - stage.run(stage.store.daemons.get(daemon_id)).seen_at < timedelta(seconds=3)
    assert tell("a")


def test_a_change_for_another_version_is_refused(stage, daemon_id):
    stage.run(stage.store.daemons.change(daemon_id, DaemonChange(labels={"a": "1"}, version=1), "somebody"))
    with pytest.raises(VersionChanged):
        stage.run(stage.store.daemons.change(daemon_id, DaemonChange(labels={}, version=1), "somebody"))
    assert stage.run(stage.store.daemons.get(daemon_id)).labels == {"a": "1"}


def test_daemons_are_listed_by_name(stage):
    for name in ("c", "A", "b"):
        stage.add_daemon(name)
    page = stage.run(stage.store.daemons.find(None, 2))
    rest = stage.run(stage.store.daemons.find(page.next, 2))
    assert [daemon.name for daemon in (*page.items, *rest.items)] == ["A", "b", "c"]
    assert rest.next is None


# --- operators, register --------------------------------------------------------------------------------


def add_user(stage, name, role=Role.ADMINISTRATOR, scope=None):
    user = User(name, role, scope or {}, datetime.now(UTC), is_disabled=False, version=1)
    stage.run(stage.store.access.add_user(user, "hash", "somebody"))
    return user


def add_token(stage, user, digest="digest of token", life=None):
    now = datetime.now(UTC)
    ends = None if life is None else now + life
    token = Token(f"t-{digest}", user, Role.VIEWER, {}, "", now, ends, None)
    stage.run(stage.store.access.add_token(token, digest, "somebody"))


def test_a_token_brings_its_user_along(stage):
    add_user(stage, "root")
    add_token(stage, "root")
    token, user = stage.run(stage.store.access.find_token("digest of token"))
    assert (token.role, user.role) == (Role.VIEWER, Role.ADMINISTRATOR)


@pytest.mark.parametrize("how", ["expired", "revoked", "disabled", "removed"])
def test_a_token_ends(stage, how):
    add_user(stage, "root")
    user = add_user(stage, "other")
    add_token(stage, "other", life=timedelta(seconds=-1) if how == "expired" else None)
    if how == "revoked":
        stage.run(stage.store.access.revoke_token("t-digest of token", "somebody"))
    elif how == "disabled":
        stage.run(stage.store.access.change_user(user._replace(is_disabled=True), None, "somebody"))
    elif how == "removed":
        stage.run(stage.store.access.remove_user("other", "somebody"))
    assert stage.run(stage.store.access.find_token("digest of token")) is None


def test_the_last_administrator_stays(stage):
    root = add_user(stage, "root")
    add_user(stage, "scoped", scope={"a": "b"})
    with pytest.raises(LastAdministrator):
        stage.run(stage.store.access.remove_user("root", "somebody"))
    with pytest.raises(LastAdministrator):
        stage.run(stage.store.access.change_user(root._replace(role=Role.VIEWER), None, "somebody"))
    add_user(stage, "second")
    assert stage.run(stage.store.access.remove_user("root", "somebody"))


def test_two_administrators_cannot_remove_each_other_at_once(stage):
    add_user(stage, "one")
    add_user(stage, "two")

    async def both():
        return await asyncio.gather(
            stage.store.access.remove_user("one", "two"),
            stage.store.access.remove_user("two", "one"),
            return_exceptions=True,
        )

    answers = stage.run(both())
    assert len([answer for answer in answers if answer is True]) == 1
    assert len(stage.run(stage.store.access.list_users())) == 1


def test_failures_are_counted_and_forgotten(stage):
    for _ in range(3):
        stage.run(stage.store.access.note_failure(["user:a", "network:b"]))
    counted = stage.run(stage.store.access.count_failures(["user:a", "user:c"], timedelta(minutes=15)))
    assert {key: count for key, (count, _) in counted.items()} == {"user:a": 3}
    stage.run(stage.store.access.forget_failures(["user:a"]))
    assert stage.run(stage.store.access.count_failures(["user:a"], timedelta(minutes=15))) == {}


def test_the_epoch_stays_until_a_new_one_is_begun(stage):
    epoch = stage.run(stage.store.register.get_epoch())
    assert stage.run(stage.store.register.get_epoch()) == epoch
    assert stage.run(stage.store.register.begin_epoch("somebody")) != epoch


def test_the_audit_log_adds_up_and_a_changed_entry_is_found(stage, daemon_id):
    stage.give(daemon_id, 3)
    stage.run(stage.store.tasks.cancel(daemon_id, 1, "somebody"))
    assert stage.run(stage.store.register.check_audit()) is None
    actions = [entry.action for entry in stage.run(stage.store.register.list_audit(None, 10)).items]
    assert actions == ["task.cancel", "task.create", "daemon.add"]

    from duplicati_client.taskserver.store.database import Query

    def forge():
        yield Query("add_audit", {"number": 99, "at": 0, "actor": "", "action": "", "subject": "", "details": "{}",
                                  "sum": "forged"})  # fmt: skip

    stage.run(stage.database.write(forge))
    assert stage.run(stage.store.register.check_audit()) is not None


def test_tasks_that_are_asked_for_again_under_a_key_are_those_of_the_first_time(stage, daemon_id):
    def create(by="somebody", digest="d"):
        drafts = [Draft(daemon_id, {"Operation": "status"})] * 2
        return [task.number for task in stage.run(stage.store.tasks.create(drafts, by, key=Key("k", digest)))]

    find = stage.store.register.find_made
    assert stage.run(find("somebody", Key("k", "d"))) is None
    assert (create(), create(), create("another")) == ([1, 2], [1, 2], [3, 4])
    assert stage.run(find("somebody", Key("k", "d"))) == [(daemon_id, 1), (daemon_id, 2)]
    for again in (lambda: create(digest="other"), lambda: stage.run(find("somebody", Key("k", "other")))):
        with pytest.raises(KeyReused):
            again()


def test_a_key_is_free_after_a_day_though_nobody_gave_another(tmp_path):
    with opened(str(tmp_path / "store.db")) as stage:
        daemon_id, key = stage.add_daemon(), Key("k", "d")
        drafts = [Draft(daemon_id, {"Operation": "status"})]
        stage.run(stage.store.tasks.create(drafts, "somebody", key=key))
        stage.clock.skipped_milliseconds = 86_400_001
        assert stage.run(stage.store.register.find_made("somebody", key)) is None
        assert [task.number for task in stage.run(stage.store.tasks.create(drafts, "somebody", key=key))] == [2]


def test_a_key_under_which_nothing_came_to_be_is_free(stage, daemon_id):
    drafts = [Draft(daemon_id, {"Operation": "status"})] * 3
    with pytest.raises(QuotaExceeded):
        stage.run(stage.store.tasks.create(drafts, "somebody", 2, Key("k", "d")))
    (task,) = stage.run(stage.store.tasks.create(drafts[:1], "somebody", 2, Key("k", "other")))
    assert task.number == 1


def test_work_that_fails_leaves_nothing(stage, daemon_id):
    class Stopped(Exception):
        pass

    def half():
        yield Query("take_numbers", {"daemon_id": daemon_id, "count": 5})
        raise Stopped

    with pytest.raises(Stopped):
        stage.run(stage.database.write(half))
    assert stage.give(daemon_id) == [1]
