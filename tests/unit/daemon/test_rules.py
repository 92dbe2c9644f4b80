"""Which tasks a rule fits: what is certain for one that allows, what could be for one that denies."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client.daemon.policy import UNLISTED
from duplicati_client.daemon.rules import Subject, find_subjects
from tests.unit.daemon.owner import NAMES, allows, ask, backup, judge, rule

ALL = "allow effects = ['read', 'coalescing', 'harmless-repeat', 'set-state']; operations = ['dismiss']"
OTHER_LETTERS = ["database", "DATABASE"]
LOOK_ALIKES = ["Database ", " Database", "\uff24atabase", "Data\u200bbase", "Database\u00a0"]


def subjects(operation: str, *resources: dict[str, Any], **parameters: Any) -> list[Subject]:
    return find_subjects(ask(operation, *resources, Parameters=parameters), NAMES)


# --- what a task is about -------------------------------------------------------------------------------


def test_backup_is_known_by_id_and_by_name() -> None:
    assert subjects("run", backup(3)) == subjects("run", backup("3")) == [Subject("3", "Documents")]
    assert subjects("run", backup(name="Photos")) == [Subject("4", "Photos")]


def test_leading_zeros_of_an_id_are_none() -> None:
    assert subjects("run", backup("007")) == subjects("run", backup(7)) == [Subject("7", "Database")]
    assert subjects("run", backup("0")) == subjects("run", backup("000")) == [Subject("0")]


def test_backup_named_twice_is_one() -> None:
    assert len(subjects("run", backup(3), backup("3"), backup("03"), backup(4))) == 2


def test_id_that_no_known_backup_has_leaves_the_name_open() -> None:
    assert subjects("run", backup(99)) == [Subject("99", None)]


@pytest.mark.parametrize("name", ["3", "007", "٣", "Doc*", "?", "[D]ocuments", "*"])
def test_name_that_may_be_an_id_or_a_pattern_could_be_any_backup(name: str) -> None:
    assert subjects("set", backup(name=name), assignments="name=x") == [Subject()]


def test_name_that_no_known_backup_or_more_than_one_has_leaves_the_id_open() -> None:
    assert subjects("run", backup(name="Music")) == [Subject(None, "Music")]
    assert find_subjects(ask("run", backup(name="Twin")), {"1": "Twin", "2": "Twin"}) == [Subject(None, "Twin")]


def test_no_resource_means_all_where_it_could_be_a_backup() -> None:
    assert subjects("stop") == subjects("logs") == subjects("dismiss", all=True) == [Subject()]
    assert subjects("list", {"Type": "backup"}) == subjects("list", {"Type": "task"}) == [Subject()]
    assert (
        subjects("get", {"Type": "notification", "ID": 5}) == subjects("stop", {"Type": "task", "ID": 3}) == [Subject()]
    )


def test_what_is_about_the_server_is_about_no_backup() -> None:
    assert subjects("status") == subjects("pause") == [Subject(is_backup=False)]
    assert subjects("set", {"Type": "setting"}, assignments="a=b") == [Subject(is_backup=False)]


@pytest.mark.parametrize("kind", ["version", "log"])
def test_versions_and_log_are_those_of_the_backup_that_resource_or_parameter_names(kind: str) -> None:
    assert subjects("list", {"Type": kind, "ID": 3}) == [Subject("3", "Documents")]
    assert subjects("list", {"Type": kind}, backup="Documents") == [Subject("3", "Documents")]
    assert subjects("list", {"Type": kind}, backup="3") == subjects("list", {"Type": kind}, backup="") == [Subject()]
    assert subjects("list", {"Type": kind, "ID": 4}, backup="Documents") == [
        Subject("4", "Photos"),
        Subject("3", "Documents"),
    ]


@pytest.mark.parametrize("kind", ["backup", "task", "notification", "setting"])
def test_parameter_backup_narrows_nothing_down_where_the_operation_does_not_look_at_it(kind: str) -> None:
    whole = Subject(is_backup=kind != "setting")
    assert subjects("list", {"Type": kind}, backup="Documents") == [whole, Subject("3", "Documents")]


def test_name_in_other_letters_is_the_backup_that_the_server_would_take() -> None:
    assert subjects("run", backup(name="DOCUMENTS")) == [Subject("3", "Documents")]
    names = {"1": "Strasse", "2": "stra\u00dfe", "3": "STRASSE"}
    assert find_subjects(ask("run", backup(name="STRASSE")), names) == [Subject("3", "STRASSE")]
    assert find_subjects(ask("run", backup(name="sTRASSE")), names) == [Subject(None, "sTRASSE")]


# --- which backups a rule fits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "fitting"),
    [
        ("[3]", [3]),
        ("[3, 'Photos']", [3, 4]),
        ("['Documents']", [3]),
        ("['D*']", [3, 7]),
        ("['?hotos', '[D]oc*']", [3, 4]),
        ("'*'", [3, 4, 7]),
        ("['documents', 'PHOTOS']", []),
        ("['Document']", []),
    ],
)
def test_rule_that_allows_fits_ids_names_and_patterns_letter_by_letter(entries: str, fitting: list[int]) -> None:
    policy = rule(f"allow operations = ['run']; backups = {entries}")
    assert [backup_id for backup_id in (3, 4, 7) if allows(policy, ask("run", backup(backup_id)))] == fitting
    by_name = [int(backup_id) for backup_id, name in NAMES.items() if allows(policy, ask("run", backup(name=name)))]
    assert by_name == fitting


@pytest.mark.parametrize("entry", ["7", "'Database'", "'database'", "'Data*'", "'*BASE'", "'*'", "' \uff24atabase'"])
@pytest.mark.parametrize(
    "called", [backup(7), backup("7"), backup("007"), backup(name="Database"), backup(name="DATABASE")]
)
def test_rule_that_denies_fits_however_a_backup_is_called(entry: str, called: dict[str, Any]) -> None:
    decision = judge(rule("allow operations = ['run']", f"deny backups = [{entry}]"), ask("run", called))
    assert (decision.is_allowed, decision.rule) == (False, "deny-1")


@pytest.mark.parametrize("entry", ["'Database'", "'database'"])
@pytest.mark.parametrize("name", [*LOOK_ALIKES, *OTHER_LETTERS])
def test_name_that_only_looks_otherwise_is_denied_too(entry: str, name: str) -> None:
    policy = rule("allow operations = ['run']", f"deny backups = [{entry}]")
    assert not allows(policy, ask("run", backup(name=name)))
    assert not allows(policy, ask("run", backup(9)), names={"9": name})


@pytest.mark.parametrize("name", [*LOOK_ALIKES, *OTHER_LETTERS])
def test_backup_whose_name_only_looks_alike_is_not_allowed(name: str) -> None:
    policy = rule("allow operations = ['run']; backups = ['Database']")
    assert not allows(policy, ask("run", backup(9)), names={"9": name})
    assert not allows(policy, ask("run", backup(name=name)), names={"9": name})
    assert not allows(policy, ask("run", backup(name="Database")), names={"9": name})


@pytest.mark.parametrize("entry", ["'Test*'", "'Test-prod'", "'[T]est-prod'"])
def test_letters_of_a_task_let_it_reach_no_backup_that_is_written_otherwise(entry: str) -> None:
    policy = rule(f"allow operations = ['run']; backups = [{entry}]")
    task = ask("run", backup(name="Test-prod"))
    assert not allows(policy, task, names={"5": "test-prod"})
    assert not allows(policy, task, names={})
    assert allows(policy, task, names={"5": "Test-prod", "6": "test-prod"})


def test_name_that_was_composed_otherwise_is_denied() -> None:
    policy = rule("allow operations = ['run']", "deny backups = ['Caf\u00e9 STRASSE']")
    assert not allows(policy, ask("run", backup(9)), names={"9": "Cafe\u0301 straße"})


@pytest.mark.parametrize("name", ["a[1]", "[x]*", "***"])
def test_name_that_looks_like_a_pattern_is_a_name_as_well(name: str) -> None:
    names = {"9": name}
    assert not allows(rule(ALL, f"deny backups = ['{name}']"), ask("run", backup(9)), names=names)
    assert allows(rule(f"allow operations = ['run']; backups = ['{name}']"), ask("run", backup(9)), names=names)


@pytest.mark.parametrize("entry", ["7", "'Database'", "'D*'"])
@pytest.mark.parametrize(
    "task",
    [
        ask("stop"),
        ask("stop", {"Type": "task", "ID": 1}),
        ask("logs"),
        ask("list", {"Type": "backup"}),
        ask("list", {"Type": "backup"}, Parameters={"backup": "Photos"}),
        ask("list", {"Type": "notification"}, Parameters={"backup": "Photos"}),
        ask("list", {"Type": "log"}, Parameters={"backup": ""}),
        ask("list", {"Type": "log"}, Parameters={"backup": "7"}),
        ask("list", {"Type": "version"}, Parameters={"backup": "Da*"}),
        ask("list", {"Type": "version", "ID": 7}),
        ask("get", {"Type": "notification", "ID": 1}),
        ask("set", backup(name="*"), Parameters={"assignments": "tags=a"}),
        ask("run", backup(3), backup(4), backup(7)),
        ask("dismiss", Parameters={"all": True}),
        ask("pause"),
        ask("resume"),
        ask("set", {"Type": "setting"}, Parameters={"assignments": "max-upload-speed=1"}),
    ],
)
def test_task_that_could_touch_a_denied_backup_is_denied(entry: str, task: Any) -> None:
    decision = judge(rule(ALL, f"deny backups = [{entry}]"), task)
    assert (decision.is_allowed, decision.rule, decision.code) == (False, "deny-1", "prohibited")


@pytest.mark.parametrize(
    ("entry", "task", "is_certain"),
    [
        ("7", ask("run", backup(3)), True),
        ("7", ask("run", backup(name="Documents")), False),
        ("'Database'", ask("run", backup(3)), False),
        ("'Database'", ask("run", backup(name="Documents")), True),
    ],
)
def test_what_is_not_certain_of_a_server_that_was_not_looked_at_is_denied_and_not_allowed(
    entry: str, task: Any, is_certain: bool
) -> None:
    assert allows(rule(ALL, f"deny backups = [{entry}]"), task, names={}) == is_certain
    assert not allows(rule(f"allow operations = ['run']; backups = [{entry}]"), task, names={})


def test_reading_from_the_server_itself_is_no_matter_of_backups() -> None:
    policy = rule(ALL, "deny backups = [7]")
    assert allows(policy, ask("status"))
    assert allows(policy, ask("list", {"Type": "setting"}))


def test_rule_of_backups_allows_nothing_that_is_about_the_server_or_could_be_about_any() -> None:
    policy = rule("allow effects = ['read', 'set-state']; backups = ['Documents', 3]")
    for task in (ask("status"), ask("pause"), ask("stop"), ask("logs"), ask("list", {"Type": "backup"})):
        assert judge(policy, task).rule == UNLISTED
    assert not allows(policy, ask("set", {"Type": "setting"}, Parameters={"assignments": "a=b"}))
    assert allows(policy, ask("logs", backup(3)))


# --- what else narrows a rule down ----------------------------------------------------------------------


def test_every_member_narrows_down_but_operations_and_effects_add_to_each_other() -> None:
    policy = rule("allow operations = ['run']; effects = ['read']; servers = ['main']; backups = [3]")
    assert allows(policy)
    assert allows(policy, ask("describe", backup(3)))
    assert not allows(policy, ask("verify", backup(3)))
    assert not allows(policy, alias="nas")
    assert not allows(policy, ask("run", backup(4)))


@pytest.mark.parametrize(
    ("parameters", "may", "is_denied"),
    [
        ({}, False, False),
        ({"transfers": False}, False, False),
        ({"transfers": True}, True, True),
        ({"transfers": True, "duration": 60.0}, True, True),
    ],
)
def test_needed_parameter_has_to_be_there_and_not_false(parameters: dict[str, Any], may: bool, is_denied: bool) -> None:
    task = ask("pause", Parameters=parameters)
    assert allows(rule("allow operations = ['pause']; needs = ['transfers']"), task) == may
    assert allows(rule(ALL, "deny operations = ['pause']; needs = ['transfers']"), task) != is_denied


@pytest.mark.parametrize(
    ("parameters", "may", "is_denied"),
    [
        ({}, True, True),
        ({"transfers": False}, True, True),
        ({"transfers": True}, False, False),
    ],
)
def test_forbidden_parameter_may_only_be_there_as_false(parameters: dict[str, Any], may: bool, is_denied: bool) -> None:
    task = ask("pause", Parameters=parameters)
    assert allows(rule("allow operations = ['pause']; forbids = ['transfers']"), task) == may
    assert allows(rule(ALL, "deny operations = ['pause']; forbids = ['transfers']"), task) != is_denied


def test_empty_text_counts_against_the_task_both_ways() -> None:
    task = ask("list", {"Type": "log"}, Parameters={"backup": ""})
    assert not allows(rule("allow operations = ['list']; needs = ['backup']"), task)
    assert not allows(rule("allow operations = ['list']; forbids = ['backup']"), task)
    assert not allows(rule(ALL, "deny operations = ['list']; needs = ['backup']"), task)
    assert not allows(rule(ALL, "deny operations = ['list']; forbids = ['backup']"), task)
