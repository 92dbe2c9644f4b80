"""What the owner's policy says: nothing that is not allowed, deny before allow, the same of the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from duplicati_client.daemon.policy import COUNT_MAX, PROHIBITED, UNKNOWN_OPERATION, UNLISTED, Facts, Policy, Question
from duplicati_client.errors import ConfigurationInvalid
from duplicati_client.protocol.catalogue import CATALOGUE, Effect, Operation
from tests.unit.daemon.owner import (
    NAMES,
    RUN_3,
    TUESDAY_NOON,
    Counts,
    accept,
    allows,
    ask,
    backup,
    judge,
    read_one,
    read_policy,
    rule,
    write_rules,
)

NEEDED: Mapping[str, Mapping[str, Any]] = {
    "watch": {"count": 1},
    "edit": {"definition": "name: x"},
    "set": {"assignments": "name=x"},
}
NEW_YORK = "zone = 'America/New_York'"


def make(operation: Operation) -> Any:
    """Make a task that is right but for the policy."""
    resources = [backup(3)] if "backup" in operation.resource_types else []
    return ask(operation.name, *resources, Parameters=dict(NEEDED.get(operation.name, {})))


def test_what_becomes_of_lost_runs_is_the_owners_to_say() -> None:
    again, told = (rule(more=f"on_interrupted = '{word}'") for word in ("rerun", "report"))
    assert [policy.on_interrupted for policy in (rule(), again, told)] == ["rerun", "rerun", "report"]
    assert rule().digest == again.digest != told.digest
    with pytest.raises(ConfigurationInvalid, match="on_interrupted"):
        rule(more="on_interrupted = 'twice'")


# --- what is allowed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", CATALOGUE.values(), ids=CATALOGUE)
def test_default_is_what_only_reads_run_and_verify(operation: Operation) -> None:
    decision = judge(read_policy("[policy]"), make(operation))
    may = operation.effect is Effect.READ or operation.name in ("run", "verify")
    assert decision.is_allowed == may
    assert (decision.code, decision.rule) == (("", "preset:default") if may else (PROHIBITED, UNLISTED))


@pytest.mark.parametrize("operation", CATALOGUE.values(), ids=CATALOGUE)
def test_policy_without_preset_and_rules_allows_nothing(operation: Operation) -> None:
    assert judge(rule(), make(operation)).rule == UNLISTED


@pytest.mark.parametrize("operation", CATALOGUE.values(), ids=CATALOGUE)
def test_operation_is_allowed_by_its_name_and_no_other_with_it(operation: Operation) -> None:
    policy = rule(f"allow operations = ['{operation.name}']")
    decision = judge(policy, make(operation))
    assert (decision.is_allowed, decision.rule) == (True, "allow-0")
    others = [other for other in CATALOGUE.values() if other is not operation]
    assert not any(allows(policy, make(other)) for other in others)


@pytest.mark.parametrize("effect", sorted(set(Effect) - {Effect.CONVERGENT_DELETE}))
def test_effect_allows_its_operations_and_no_others(effect: Effect) -> None:
    policy = rule(f"allow effects = ['{effect.value}']")
    assert {name for name in CATALOGUE if allows(policy, make(CATALOGUE[name]))} == {
        name for name, operation in CATALOGUE.items() if operation.effect is effect
    }


def test_rule_names_servers_by_alias_letter_by_letter() -> None:
    policy = rule("allow operations = ['run']; servers = ['nas']")
    assert allows(policy, alias="nas")
    assert not allows(policy, alias="main")
    with pytest.raises(ConfigurationInvalid, match="'NAS', which there is not"):
        rule("allow operations = ['run']; servers = ['NAS']")


@pytest.mark.parametrize(
    "name", ["made-up", "Run", "RUN", "run ", " run", "r\u00fcn", "ru\u0578", "run\u200b", "delete"]
)
@pytest.mark.parametrize("preset", ["default", "full"])
def test_operation_that_nobody_knows_is_denied_whatever_is_allowed(name: str, preset: str) -> None:
    policy = rule("allow effects = ['read', 'not-repeatable', 'set-state']", preset=preset)
    decision = judge(policy, ask(name, backup(3)))
    assert (decision.is_allowed, decision.code, decision.rule) == (False, PROHIBITED, UNKNOWN_OPERATION)
    assert decision.reason.isascii()


def test_every_backup_of_a_task_has_to_be_allowed() -> None:
    policy = rule("allow operations = ['run']; backups = [3]", "allow operations = ['run']; backups = ['Photos']")
    assert allows(policy, ask("run", backup(3), backup(4)))
    decision = judge(policy, ask("run", backup(3), backup(4), backup(7)))
    assert (decision.is_allowed, decision.rule) == (False, UNLISTED)
    assert "the backup 7" in decision.reason  # whether or not its name is known


def test_reason_shows_strange_names_in_a_way_that_harms_no_terminal() -> None:
    decision = judge(rule(), ask("run", backup(name="\x1b[2J\u202eevil" + "x" * 900)))
    assert decision.reason.isascii()
    assert decision.reason.isprintable()
    assert len(decision.reason) < 200


# --- deny before allow ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "deny",
    [
        "deny operations = ['run']",
        "deny effects = ['coalescing']",
        "deny servers = ['main']",
        "deny backups = [3]",
        "deny backups = ['Documents']",
        "deny backups = ['D*']",
        "deny days = ['tue']",
        "deny hours = ['11:00-13:00']",
        "deny operations = ['run', 'abort']; backups = ['Documents', 9]; days = ['mon-fri']; servers = ['nas', 'main']",
        "limit at_most = 0",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_denial_wins_over_every_permission(deny: str, is_first: bool) -> None:
    permissions = ["allow operations = ['run']", "allow operations = ['run']; backups = [3]; servers = ['main']"]
    rules = [deny, *permissions] if is_first else [*permissions, deny]
    decision = judge(rule(*rules, preset="full"))
    assert (decision.is_allowed, decision.code) == (False, PROHIBITED)
    assert decision.rule.startswith(deny.split(maxsplit=1)[0])


@pytest.mark.parametrize(
    "deny",
    [
        "deny operations = ['verify']",
        "deny effects = ['read']",
        "deny servers = ['nas']",
        "deny backups = [4]",
        "deny backups = ['Photos']",
        "deny days = ['mon', 'wed-sun']",
        "deny hours = ['12:01-12:00']",
        "deny operations = ['run']; backups = [4]",
    ],
)
def test_denial_of_something_else_denies_nothing(deny: str) -> None:
    assert allows(rule("allow operations = ['run']", deny))


def test_certain_denial_is_named_before_one_that_may_be_meant() -> None:
    policy = rule("deny backups = ['Photos']", "deny operations = ['run']", preset="full")
    assert judge(policy, ask("run", backup(99))).rule == "deny-1"


def test_denial_without_any_member_denies_all() -> None:
    policy = rule("deny ", preset="full")
    assert not any(allows(policy, make(operation)) for operation in CATALOGUE.values())


# --- times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "may"),
    [
        ("2026-11-24T21:59:59Z", False),
        ("2026-11-24T22:00:00Z", True),
        ("2026-11-25T00:00:00Z", True),
        ("2026-11-25T05:59:59Z", True),
        ("2026-11-25T06:00:00Z", False),
        ("2026-11-28T02:00:00Z", True),  # Saturday, of Friday's night
        ("2026-11-28T22:30:00Z", False),
        ("2026-11-23T02:00:00Z", False),  # Monday, of Sunday's night
    ],
)
def test_window_over_midnight_is_kept(at: str, may: bool) -> None:
    policy = rule("allow operations = ['run']; days = ['mon-fri']; hours = ['22:00-06:00']", more="zone = 'UTC'")
    assert allows(policy, at=datetime.fromisoformat(at)) == may


@pytest.mark.parametrize(
    ("zone", "at", "may"),
    [
        ("UTC", "2026-07-01T09:30:00Z", True),
        ("Europe/Zurich", "2026-07-01T07:30:00Z", True),  # summer: two hours ahead
        ("Europe/Zurich", "2026-01-01T07:30:00Z", False),
        ("Europe/Zurich", "2026-01-01T08:30:00Z", True),  # winter: one
        ("America/New_York", "2026-07-01T13:30:00Z", True),
        ("America/New_York", "2026-07-01T09:30:00Z", False),
        ("Asia/Kathmandu", "2026-07-01T03:15:00Z", True),
        ("Asia/Kathmandu", "2026-07-01T03:14:59Z", False),
        ("Pacific/Kiritimati", "2026-06-30T19:00:00Z", True),
    ],
)
def test_hours_are_those_of_the_zone_and_of_its_season(zone: str, at: str, may: bool) -> None:
    policy = rule("allow operations = ['run']; hours = ['09:00-10:00']", more=f"zone = '{zone}'")
    assert allows(policy, at=datetime.fromisoformat(at)) == may


def test_day_is_that_of_the_zone() -> None:
    policy = rule("allow operations = ['run']; days = ['mon']", more=NEW_YORK)
    assert allows(policy, at=datetime(2026, 11, 24, 4, 59, tzinfo=UTC))
    assert not allows(policy, at=datetime(2026, 11, 24, 5, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("not_before", "may"),
    [
        ("2026-11-24T22:00:00Z", True),
        ("2026-11-24T21:59:00Z", False),
        ("2026-11-24T23:00:00+02:00", False),
        ("2026-11-20T23:00:00Z", False),  # past: it may begin now
        ("9999-12-31T23:59:59Z", False),
        ("0001-01-01T00:00:00Z", False),
    ],
)
def test_task_that_may_begin_later_is_judged_by_when_it_may(not_before: str, may: bool) -> None:
    policy = rule("allow operations = ['run']; hours = ['22:00-23:00']", more="zone = 'UTC'")
    assert allows(policy, ask("run", backup(3), NotBefore=not_before)) == may


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "local", "UTC"])
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z"])
def test_end_of_the_calendar_ends_no_judgement(zone: str, moment: str) -> None:
    policy = rule("allow operations = ['run']; days = ['mon-sun']", more=f"zone = '{zone}'")
    for member in ("NotBefore", "NotAfter"):
        item = {"ID": 1, "Operation": "run", "Resources": [backup(3)], member: moment}
        assert allows(policy, read_one(item))


# --- rates ----------------------------------------------------------------------------------------------


def test_limit_allows_as_many_as_it_says() -> None:
    policy, counts = rule("limit operations = ['run']; at_most = 2", preset="run"), Counts()
    assert [accept(policy, RUN_3, counts) for _ in range(4)] == [True, True, False, False]
    assert accept(policy, ask("verify", backup(3)), counts)
    decision = judge(policy, counts=counts)
    assert (decision.code, decision.rule) == (PROHIBITED, "limit-0")
    assert "2 per day" in decision.reason


@pytest.mark.parametrize(
    ("each", "accepted"),
    [
        ("all", [True, False, False, False]),
        ("operation", [True, True, False, False]),
        ("backup", [True, False, True, False]),
    ],
)
def test_limit_counts_apart_what_it_says(each: str, accepted: list[bool]) -> None:
    policy, counts = rule(f"limit at_most = 1; each = '{each}'", preset="run"), Counts()
    tasks = [RUN_3, ask("verify", backup(3)), ask("run", backup(4)), ask("run", backup(4))]
    assert [accept(policy, task, counts) for task in tasks] == accepted


@pytest.mark.parametrize(
    "called", [backup(3), backup("003"), backup(name="Documents"), backup(name="DOCUMENTS"), backup(name="documents")]
)
def test_backup_is_counted_however_it_is_called(called: dict[str, Any]) -> None:
    policy, counts = rule("limit at_most = 1; each = 'backup'", preset="run"), Counts()
    assert accept(policy, RUN_3, counts)
    assert not accept(policy, ask("run", called), counts)


@pytest.mark.parametrize("each", ["all", "operation"])
def test_task_of_several_backups_counts_once_for_each(each: str) -> None:
    policy, counts = rule(f"limit at_most = 3; each = '{each}'", preset="run"), Counts()
    assert not accept(policy, ask("run", *map(backup, range(4))), counts)
    assert accept(policy, ask("run", backup(3), backup("3"), backup(4)), counts)
    assert not accept(policy, ask("run", backup(3), backup(4)), counts)
    assert accept(policy, RUN_3, counts)


def test_limit_of_some_backups_counts_what_may_be_one_of_them() -> None:
    policy, counts = rule("limit backups = ['Documents']; at_most = 1", preset="full"), Counts()
    assert accept(policy, ask("run", backup(4)), counts)
    assert accept(policy, ask("stop"), counts)
    assert not accept(policy, RUN_3, counts)


def test_limit_in_a_window_counts_by_when_the_task_may_begin() -> None:
    policy = rule("limit hours = ['22:00-23:00']; at_most = 1", preset="run", more="zone = 'UTC'")
    counts = Counts()
    late = ask("run", backup(3), NotBefore="2026-11-24T22:30:00Z")
    assert accept(policy, RUN_3, counts)
    assert [accept(policy, late, counts), accept(policy, late, counts)] == [True, False]


def test_every_limit_counts_and_the_tightest_decides() -> None:
    policy, counts = rule("limit at_most = 3; per = 'day'", "limit at_most = 1; per = 'hour'", preset="run"), Counts()
    assert accept(policy, RUN_3, counts)
    assert [question.seconds for question in counts.noted] == [86_400, 3600]
    assert judge(policy, counts=counts).rule == "limit-1"


def test_task_that_is_refused_counts_for_nothing() -> None:
    policy, counts = rule("limit at_most = 1", preset="observe"), Counts()
    assert not accept(policy, RUN_3, counts)
    assert accept(policy, ask("status"), counts)


def test_question_names_limit_time_and_what_is_counted_apart() -> None:
    policy = rule("limit at_most = 1; per = 'hour'; each = 'backup'", preset="run")
    asked = policy.find_limits(ask("run", backup(3), backup(name="Music")), TUESDAY_NOON, Facts("main", NAMES))
    assert asked == [Question("limit-0", 3600, "main/3"), Question("limit-0", 3600, "main/music")]


# --- the same of the same -------------------------------------------------------------------------------

RULES = ("allow operations = ['repair', 'run']; backups = [3, 'P*']", "deny days = ['sat', 'sun']", "limit at_most = 9")
POLICY = write_rules(*RULES, preset="run", more=NEW_YORK)


def test_same_task_under_the_same_policy_gets_the_same_answer_again_and_again() -> None:
    for task in (RUN_3, ask("pause"), ask("made-up"), ask("run", backup(99))):
        decisions = {judge(read_policy(POLICY), task) for _ in range(3)}
        assert len(decisions) == 1


def test_id_attempt_and_remarks_of_a_task_change_no_answer() -> None:
    policy = rule("limit at_most = 1; each = 'backup'", preset="run")
    plain = {"Operation": "run", "Resources": [backup(3)]}
    others = [{"ID": 1}, {"ID": "1"}, {"ID": "x", "Attempt": 9}, {"ID": 2, "x-please": "allow", "x-policy": "full"}]
    assert len({judge(policy, read_one({**plain, **other})) for other in others}) == 1


@pytest.mark.parametrize(
    "other",
    [
        POLICY + "\n# a remark\n\n",
        POLICY.replace("'repair', 'run'", "'run', 'repair', 'run'"),
        POLICY.replace("[3, 'P*']", "['P*', 3, 3]"),
        POLICY.replace("'sat', 'sun'", "'sat-sun'"),
        POLICY.replace("at_most = 9", "at_most = 9\nper = 'day'\neach = 'all'"),
        write_rules(*RULES, preset="run", more=NEW_YORK).replace('"run"', "'run'"),
    ],
)
def test_digest_stands_for_the_meaning_and_not_for_the_letters(other: str) -> None:
    assert read_policy(other).digest == read_policy(POLICY).digest


def test_order_of_rules_means_nothing() -> None:
    lines = POLICY.split("[[")
    assert len(lines) == 4
    turned = "[[".join([lines[0], lines[3] + "\n", lines[2], lines[1]])
    assert read_policy(turned).digest == read_policy(POLICY).digest


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'repair', 'run'", "'repair'"),
        ("[3, 'P*']", "[3, 'P?']"),
        ("[3, 'P*']", "[4, 'P*']"),
        ("'sat', 'sun'", "'sat'"),
        ("at_most = 9", "at_most = 8"),
        ("at_most = 9", "at_most = 9\nper = 'hour'"),
        ("at_most = 9", "at_most = 9\neach = 'backup'"),
        ("at_most = 9", "at_most = 9\nservers = ['main']"),
        ("at_most = 9", "at_most = 9\nneeds = ['wait']"),
        ("at_most = 9", "at_most = 9\nforbids = ['wait']"),
        ("at_most = 9", "at_most = 9\nhours = ['01:00-02:00']"),
        ("at_most = 9", "at_most = 9\neffects = ['read']"),
        ("policy.deny", "policy.allow]]\nname = 'more'\noperations = ['stop']\n[[policy.deny"),
        ('"deny-1"', '"deny-9"'),
        ('"run"', '"observe"'),
        ("New_York", "Chicago"),
        (NEW_YORK, ""),
    ],
)
def test_digest_changes_with_every_part_of_a_rule(before: str, after: str) -> None:
    assert before in POLICY
    assert read_policy(POLICY.replace(before, after)).digest != read_policy(POLICY).digest


def test_what_a_preset_means_is_part_of_the_digest() -> None:
    written = read_policy("[policy]").write()
    assert written["allow"][0]["operations"] == sorted(
        name for name, operation in CATALOGUE.items() if operation.effect is Effect.READ or name in ("run", "verify")
    )
    assert Policy("run").digest != Policy("default").digest


# --- what is refused at the start -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "told", "hint"),
    [
        ("x = 1", None, "policy is missing", 'preset = "run"'),
        ("policy = 3", 1, "policy is not a table", None),
        ("[policy]\npreset = 'runn'", 2, "has 'runn'", "did you mean run?"),
        ("[policy]\npreset = ['none', 'full']", 2, "is not one word", "observe"),
        ("[policy]\npresets = 'run'", 2, "is not known", "did you mean preset?"),
        ("[policy]\nzone = 'Europe/Zurch'", 2, "has 'Europe/Zurch'", "Europe/Zurich"),
        ("[policy]\nzone = '../../etc/passwd'", 2, "which this machine does not know", None),
        ("[policy]\nzone = 5", 2, "is not a line of text", None),
        ("[policy]\n[policy.allow]\nname = 'a'", 2, "has to be written as [[policy.allow]]", None),
        ("[policy]\nallow = [1]", 2, "has to be written as", None),
        ("[policy]\n\n[[policy.allow]]\noperations = ['run']", 3, "policy.allow[1] has no name", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\n[[policy.deny]]\nname = 'a'", 1, "has two rules called a", None),
        ("[policy]\n[[policy.deny]]\nname = 'a:b'", 3, "without a colon", None),
        ("[policy]\n[[policy.deny]]\nname = 'caf\u00e9'", 3, "ASCII", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\noperation = ['run']", 4, "is not known", "did you mean operations?"),
        ("[policy]\n[[policy.deny]]\nname = 'a'\noperations = ['Run']", 4, "has 'Run'", "did you mean run?"),
        ("[policy]\n[[policy.deny]]\nname = 'a'\noperations = [1]", 4, "is not a list of texts", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\noperations = []", 4, "is empty", "leave it out"),
        ("[policy]\n[[policy.deny]]\nname = 'a'\neffects = ['E5']", 4, "has 'E5'", "convergent-delete"),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nservers = ['mian']", 4, "has 'mian'", "did you mean main?"),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nbackups = ['7']", 4, "would be a name", "an id has none: 7"),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nbackups = [true]", 4, "is not a list of ids", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nbackups = [3.0]", 4, "is not a list of ids", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nbackups = [-3]", 4, "no backup's id", None),
        (f"[policy]\n[[policy.deny]]\nname = 'a'\nbackups = [0x{'f' * 5000}]", 4, "no backup's id", None),
        (f"[policy]\n[[policy.deny]]\nname = 'a'\nbackups = ['{'x' * 1025}']", 4, "more than 1024", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nbackups = [['a']]", 4, "is not a list of ids", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\ndays = ['someday']", 4, "neither a day nor days", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nhours = ['22-06']", 4, "22:00-06:00", None),
        ("[policy]\n[[policy.deny]]\nname = 'a'\nneeds = ['overwrit']", 4, "has 'overwrit'", None),
        (
            "[policy]\n[[policy.deny]]\nname = 'a'\noperations = ['run']\nneeds = ['definition']",
            5,
            "has 'definition'",
            "one of: wait, timeout, skip-queue",
        ),
        ("[policy]\n[[policy.allow]]\nname = 'a'", 3, "allows deletions", "operations ="),
        (
            "[policy]\n[[policy.allow]]\nname = 'a'\neffects = ['convergent-delete']",
            4,
            "named one by one",
            "operations =",
        ),
        ("[policy]\n[[policy.limit]]\nname = 'a'", 3, "says no number: at_most", None),
        ("[policy]\n[[policy.limit]]\nname = 'a'\nat_most = -1", 4, "from 0 to 10000", None),
        ("[policy]\n[[policy.limit]]\nname = 'a'\nat_most = 1\neech = 'all'", 5, "is not known", "did you mean each?"),
        (f"[policy]\n[[policy.limit]]\nname = 'a'\nat_most = {COUNT_MAX + 1}", 4, "from 0 to 10000", None),
        ("[policy]\n[[policy.limit]]\nname = 'a'\nat_most = 1\nper = 'week'", 5, "has 'week'", "one of: hour, day"),
        ("[policy]\n[[policy.limit]]\nname = 'a'\nat_most = 1\neach = ['backup', 'all']", 5, "is not one word", None),
    ],
)
def test_mistake_is_told_with_its_line_and_the_next_step(
    text: str, line: int | None, told: str, hint: str | None
) -> None:
    with pytest.raises(ConfigurationInvalid) as failure:
        read_policy(text)
    where, _, what = failure.value.message.partition(": ")
    assert where == ("/etc/daemon.toml" if line is None else f"/etc/daemon.toml:{line}")
    assert told in what
    assert hint is None or hint in str(failure.value.hint)
    assert len(failure.value.message) < 400


def test_deletion_is_allowed_by_its_own_name_alone() -> None:
    dismiss = ask("dismiss", Parameters={"all": True})
    assert not allows(rule("allow effects = ['read']", preset="full"), dismiss)
    assert allows(rule("allow operations = ['dismiss']"), dismiss)


def test_servers_are_taken_as_they_are_where_nobody_knows_them() -> None:
    policy = read_policy(write_rules("allow operations = ['run']; servers = ['attic']"), None)
    assert allows(policy, alias="attic")


def test_same_moment_in_another_zone_is_the_same_moment() -> None:
    policy = rule("allow operations = ['run']; hours = ['12:00-13:00']", more="zone = 'UTC'")
    elsewhere = TUESDAY_NOON.astimezone(timezone(timedelta(hours=9)))
    assert allows(policy)
    assert allows(policy, at=elsewhere)
