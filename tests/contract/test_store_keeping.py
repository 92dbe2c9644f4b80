"""What a store keeps and for how long, and what can be changed of it, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from duplicati_client.protocol.result import Result, Status
from duplicati_client.taskserver import credentials
from duplicati_client.taskserver.errors import QuotaExceeded, StoreUnusable, VersionChanged
from duplicati_client.taskserver.founding import begin_epoch, make_store
from duplicati_client.taskserver.records import Code, DaemonState, Draft, Role, Sighting, Token, User
from duplicati_client.taskserver.store.database import Query
from duplicati_client.taskserver.store.interface import EVERY, DaemonChange
from tests.contract.store_stage import opened

NOTHING = timedelta(0)
LONG = timedelta(days=90)
NOW = datetime.now(UTC)


def run(stage, query):
    def work():
        yield query

    stage.run(stage.database.write(work))


def list_actions(stage):
    return [entry.action for entry in stage.run(stage.store.register.list_audit(None, 100)).items]


def check(stage):
    return stage.run(stage.store.register.check_audit())


# --- audit ----------------------------------------------------------------------------------------------


def test_an_act_is_in_the_audit_log_before_anybody_asks_for_it(stage, daemon_id):
    stage.give(daemon_id)
    assert list_actions(stage) == ["task.create", "daemon.add"]
    assert check(stage) is None


def test_an_act_that_came_to_nothing_is_not_in_the_audit_log(stage, daemon_id):
    with pytest.raises(QuotaExceeded):
        stage.run(stage.store.tasks.create([Draft(daemon_id, {})] * 2, "somebody", 1))
    assert list_actions(stage) == ["daemon.add"]


def test_a_token_that_is_shown_long_after_its_successor_was_is_told_of_once(tmp_path):
    with opened(str(tmp_path / "store.db")) as stage:
        daemon_id = stage.add_daemon()
        show = stage.store.daemons.find_by_token
        stage.run(stage.store.daemons.renew_token(daemon_id, "digest of nas", "new", LONG))
        assert stage.run(show("new")) is not None
        found = []
        for seconds in (1, 61, 62):
            stage.clock.skipped_milliseconds = seconds * 1000
            assert stage.run(show("digest of nas")) is None
            found.append(list_actions(stage).count("daemon.token-found-used"))
        assert found == [0, 1, 1]


def test_a_token_of_a_revoked_daemon_is_no_alarm_and_one_that_never_was_is_none_either(tmp_path):
    with opened(str(tmp_path / "store.db")) as stage:
        daemon_id = stage.add_daemon()
        stage.run(stage.store.daemons.change(daemon_id, DaemonChange(state=DaemonState.REVOKED), "somebody"))
        stage.clock.skipped_milliseconds = 100_000
        for digest in ("digest of nas", "another"):
            assert stage.run(stage.store.daemons.find_by_token(digest)) is None
        assert "daemon.token-found-used" not in list_actions(stage)


def test_fifty_acts_at_once_are_one_chain(stage, daemon_id):
    others = [stage.add_daemon(f"other {number}") for number in range(5)]

    async def act():
        works = [stage.store.tasks.create([Draft(one, {})], "somebody") for one in [*others, daemon_id] * 8]
        await asyncio.gather(*works, *(stage.store.register.chain_audit() for _ in range(4)))

    stage.run(act())
    assert list_actions(stage).count("task.create") == 48
    assert check(stage) is None


def test_audit_entries_of_an_age_are_cut_off_and_the_rest_still_adds_up(stage, daemon_id):
    for _ in range(5):
        stage.give(daemon_id)
    list_actions(stage)
    register = stage.store.register
    assert stage.run(register.cut_audit(LONG, 100)) == 0
    assert stage.run(register.cut_audit(-timedelta(seconds=1), 4)) == 4
    assert (stage.run(register.get_audit_cut()), list_actions(stage)) == (4, ["task.create"] * 2)
    assert check(stage) is None
    stage.give(daemon_id)
    assert stage.run(register.cut_audit(-timedelta(seconds=1), 100)) == 2  # not what waits for its sum
    assert (check(stage), list_actions(stage)) == (None, ["task.create"])


@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        (Query("cut_audit", {"number": 1}), 1),
        (Query("cut_audit", {"number": 3}), 1),
        (Query("set_audit_head", {"head": 0, "number": 1, "sum": "x"}), 2),
        (Query("set_audit_head", {"head": 1, "number": 9, "sum": "x"}), 4),
    ],
)
def test_an_audit_log_cut_by_somebody_else_does_not_add_up(stage, daemon_id, forgery, found):
    stage.give(daemon_id)
    stage.give(daemon_id)
    list_actions(stage)
    run(stage, forgery)
    assert check(stage) == found


# --- settings -------------------------------------------------------------------------------------------


def test_settings_are_kept_with_a_version_and_in_the_audit_log(stage):
    register = stage.store.register
    before = stage.run(register.list_settings())
    after = stage.run(register.change_settings({"tasks_days": "30"}, int(before["version"]), "somebody"))
    assert after == stage.run(register.list_settings()) == {**before, "version": "2", "tasks_days": "30"}
    assert list_actions(stage) == ["settings.change"]


def test_settings_that_somebody_else_changed_stay(stage):
    register = stage.store.register
    stage.run(register.change_settings({"tasks_days": "30"}, None, "somebody"))
    with pytest.raises(VersionChanged):
        stage.run(register.change_settings({"tasks_days": "40"}, 1, "somebody else"))
    assert stage.run(register.list_settings())["tasks_days"] == "30"


def test_a_new_epoch_is_told_to_all_servers_of_the_store(stage):
    for _ in range(100):  # the first may come before anybody listens
        stage.run(stage.store.register.begin_epoch("somebody"))
        stage.run(asyncio.sleep(0.05))
        if stage.changes:
            break
    assert "settings" in {change.topic for change in stage.changes}


# --- tasks and results ----------------------------------------------------------------------------------


def test_results_that_were_not_applied_go_at_a_time_of_their_own(stage, daemon_id):
    for number in (1, 77):
        stage.give(daemon_id)
        stage.run(stage.store.tasks.record(daemon_id, Result(number, Status.COMPLETED, {}, None)))
    orphans = lambda: len(stage.run(stage.store.tasks.list_results(daemon_id, 77)))  # noqa: E731
    stage.run(stage.store.tasks.tidy(LONG, 100, LONG))
    assert orphans() == 1
    stage.run(stage.store.tasks.tidy(LONG, 100, -timedelta(seconds=1)))
    assert orphans() == 0
    assert stage.run(stage.store.tasks.get(daemon_id, 1)) is not None


def test_of_results_that_were_not_applied_the_newest_of_each_daemon_are_kept(stage, daemon_id):
    numbers, other = (901, 902, 903, 904), stage.add_daemon("other")
    for number in numbers:
        for one in (daemon_id, *([other] if number > 902 else [])):
            stage.run(stage.store.tasks.record(one, Result(number, Status.COMPLETED, {}, None)))
        stage.run(asyncio.sleep(0.002))
    assert [stage.run(stage.store.tasks.cut_results(2, 1)) for _ in range(3)] == [1, 1, 0]
    for one in (daemon_id, other):
        kept = [len(stage.run(stage.store.tasks.list_results(one, number))) for number in numbers]
        assert kept == [0, 0, 1, 1]


def test_what_is_forgotten_goes_a_little_at_a_time(stage, daemon_id):
    for number in stage.give(daemon_id, 5):
        stage.run(stage.store.tasks.record(daemon_id, Result(number, Status.COMPLETED, {}, None)))
    gone = [stage.run(stage.store.tasks.tidy(-timedelta(seconds=1), 2)) for _ in range(4)]
    assert gone == [2, 2, 1, 0]


def test_codes_and_tokens_that_ended_long_ago_and_failures_of_yesterday_are_forgotten(stage, daemon_id):
    codes, daemons, access = stage.store.codes, stage.store.daemons, stage.store.access
    code = Code("c-1", NOW, "somebody", NOW + timedelta(hours=1), 1, None, {}, needs_approval=False)
    stage.run(codes.add(code, "digest of code"))
    stage.run(daemons.change(daemon_id, DaemonChange(state=DaemonState.REVOKED), "somebody"))
    stage.run(access.note_failure(["user:alex"]))
    assert stage.run(codes.forget(NOTHING, 100)) in (0, 1)  # a token that ended just now
    assert stage.run(codes.forget(-timedelta(hours=2), 100)) >= 1
    assert stage.run(codes.find()) == []
    assert stage.run(access.count_failures(["user:alex"], LONG)) != {}


def test_only_daemons_that_came_lately_are_counted(stage, daemon_id):
    stage.add_daemon("never here")
    stage.run(stage.store.daemons.touch({daemon_id: Sighting(None, time.monotonic())}, 1))
    assert stage.run(stage.store.daemons.count(timedelta(minutes=1))) == 1


# --- passwords ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spared", "left"), [(None, []), ("t-1", ["t-1"]), (EVERY, ["t-1", "t-2"])])
def test_another_password_ends_the_tokens_of_its_user_alone(stage, spared, left):
    access = stage.store.access
    for name in ("alex", "robin"):
        stage.run(access.add_user(User(name, Role.OPERATOR, {}, NOW, is_disabled=False, version=1), "hash", "somebody"))
    for token_id, user in (("t-1", "alex"), ("t-2", "alex"), ("t-3", "robin")):
        token = Token(token_id, user, Role.OPERATOR, {}, "", NOW, None, None)
        stage.run(access.add_token(token, f"digest of {token_id}", "somebody"))
    user, _ = stage.run(access.get_user("alex"))
    stage.run(access.change_user(user, "another hash", "somebody", spared))
    assert [token.token_id for token in stage.run(access.list_tokens("alex"))] == left
    assert len(stage.run(access.list_tokens("robin"))) == 1


def test_the_use_of_a_token_is_kept_once_a_minute_and_not_waited_for_where_nothing_can_be_written(stage):
    access = stage.store.access
    stage.run(access.add_user(User("alex", Role.VIEWER, {}, NOW, is_disabled=False, version=1), None, "somebody"))
    stage.run(access.add_token(Token("t-1", "alex", Role.VIEWER, {}, "", NOW, None, None), "digest", "somebody"))

    async def refuse(_):
        raise StoreUnusable("the disk is full")

    access._database = SimpleNamespace(read=stage.database.read, write=refuse)
    found, user = stage.run(access.find_token("digest"))
    assert (found.token_id, user.name, found.used_at) == ("t-1", "alex", None)
    access._database = stage.database
    used = [stage.run(access.find_token("digest"))[0].used_at for _ in range(3)]
    assert (used[0], used[1] is not None, used[2]) == (None, True, used[1])


# --- opened for one act ---------------------------------------------------------------------------------


def test_a_store_is_made_with_its_administrator_and_without_serving_anybody(place):
    text = asyncio.run(make_store(place))
    with opened(place) as stage:
        _, user = stage.run(stage.store.access.find_token(credentials.digest(text)))
        assert (user.role, check(stage)) == (Role.ADMINISTRATOR, None)
    assert asyncio.run(make_store(place)) is None


def test_a_store_that_is_an_older_copy_of_itself_gets_a_new_epoch(place):
    with opened(place) as stage:
        epoch = stage.run(stage.store.register.get_epoch())
    asyncio.run(begin_epoch(place, "restore"))
    with opened(place) as stage:
        assert stage.run(stage.store.register.get_epoch()) != epoch
        assert (list_actions(stage), check(stage)) == (["epoch.begin"], None)
