"""A policy never gives way: not to one more denial, not to a name, not to any bytes in its file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.daemon import config
from duplicati_client.daemon.policy import Decision, Facts, Limit, Policy, load, read
from duplicati_client.daemon.rules import Rule, find_subjects
from duplicati_client.daemon.tables import Document
from duplicati_client.daemon.windows import DAYS, Window, read_days, read_spans
from duplicati_client.operations.resource import find_backup, find_backups
from duplicati_client.operations.selection import select_backup
from duplicati_client.protocol.catalogue import CATALOGUE, Effect
from duplicati_client.protocol.task import Task, read_task
from duplicati_client.sdk.models import Backup

ALIASES = ("main", "nas")
CASES_COUNT = 3000
SEED = 20261124
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
EFFECTS = tuple(effect.value for effect in Effect)
PRESETS = ("none", "observe", "default", "run", "full")
LETTERS = (
    "a",
    "A",
    "a",
    "A",
    "\u00df",
    "ss",
    "SS",
    "k",
    "\u212a",
    "\u00e9",
    "e\u0301",
    "\uff21",
    "\u200b",
    " ",
    "*",
    "?",
    "[a]",
    "1",
)
KINDS = ("backup", "backup", "backup", "task", "setting", "notification", "version", "log")
PARAMETERS = ("wait", "backup", "all", "transfers", "count", "until-idle")
RUN_BY_ID, RUN_BY_NAME = (
    read_task({"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", **called}]})
    for called in ({"ID": 1}, {"Name": "aaaaaaaaaaaab"})
)
NEEDED = {"watch": {"until-idle": True}, "edit": {"definition": "x"}, "set": {"assignments": "x=y"}}


class Case(NamedTuple):
    """A task, when and where it comes, and a policy; all made by chance, the same by the same seed."""

    seed: int
    policy: Policy
    task: Task
    at: datetime
    facts: Facts

    def judge(self, policy: Policy) -> Decision:
        return policy.judge(self.task, self.at, self.facts)


class Chance(random.Random):
    """Makes what a policy and its tasks are made of."""

    def some(self, values: Sequence[Any], count: int = 4) -> tuple[Any, ...] | None:
        return None if self.random() < 0.6 else tuple(self.choices(values, k=self.randint(1, count)))

    def name(self) -> str:
        """Make a name of few letters, so that names are often the same but for how they are written."""
        return "".join(self.choices(LETTERS, k=self.choice((1, 1, 1, 2))))

    def rules(self, kind: str, count: int = 3) -> list[Rule]:
        return [self.rule(f"{kind}-{number}") for number in range(self.randint(0, count))]

    def rule(self, name: str) -> Rule:
        return Rule(
            name=name,
            operations=self.some(tuple(CATALOGUE), 8),
            effects=self.some(EFFECTS),
            servers=self.some(ALIASES),
            backups=self.some([1, 2, 3, "*", self.name(), self.name(), self.name()]),
            window=self.window() if self.random() < 0.2 else None,
            needs=self.some(PARAMETERS, 1) if self.random() < 0.3 else None,
            forbids=self.some(PARAMETERS, 1) if self.random() < 0.3 else None,
        )

    def window(self) -> Window:
        hours = self.choices(["00:00-24:00", "22:00-06:00", "11:00-13:00", "12:01-12:00"], k=2)
        return Window(read_days(self.choices(DAYS, k=4)), read_spans(hours))

    def limits(self, kind: str) -> list[Limit]:
        each = ("backup", "operation", "all")
        return [Limit(rule, self.randint(0, 3), "day", self.choice(each)) for rule in self.rules(kind, 2)]

    def policy(self) -> Policy:
        limits = self.limits("limit") if self.random() < 0.3 else []
        return Policy(self.choice(PRESETS), self.rules("allow"), self.rules("deny"), limits, UTC)

    def resource(self, kinds: Sequence[str]) -> dict[str, Any]:
        number = self.randint(1, 4)
        called = self.choice([{}, {"ID": number}, {"ID": f"00{number}"}, {"Name": self.name()}, {"Name": self.name()}])
        return {"Type": self.choice([kind for kind in KINDS if kind in kinds]), **called}

    def task(self) -> Task:
        """Make tasks until one is lawful."""
        while True:
            operation = CATALOGUE[self.choice(tuple(CATALOGUE))]
            resources = (
                [self.resource(operation.resource_types) for _ in range(self.randint(0, 2))]
                if operation.resource_types
                else []
            )
            kinds = {one.name: one.kind for one in operation.parameters if one.name in PARAMETERS}
            chosen = [name for name in kinds if self.random() < 0.5]
            made = {bool: [True, False], int: [0, 3], str: ["", self.name(), self.name(), "1"]}
            parameters = {name: self.choice(made[kinds[name]]) for name in chosen}
            item = {"ID": 1, "Operation": operation.name, "Resources": resources}
            item["Parameters"] = {**NEEDED.get(operation.name, {}), **parameters}
            if self.random() < 0.2:
                item["NotBefore"] = self.moment().isoformat()
            found = read_task(item)
            if isinstance(found, Task):
                return found

    def moment(self) -> datetime:
        return MONDAY + timedelta(minutes=self.randrange(7 * 24 * 60))

    def facts(self) -> Facts:
        names = {str(number): self.name() for number in self.sample(range(1, 5), self.randint(0, 4))}
        count = self.randint(0, 3)
        return Facts(self.choice(ALIASES), names, lambda question: count)


@cache
def make_cases() -> list[Case]:
    return [make_case(seed) for seed in range(SEED, SEED + CASES_COUNT)]


def make_case(seed: int) -> Case:
    chance = Chance(seed)
    return Case(seed, chance.policy(), chance.task(), chance.moment(), chance.facts())


def change(policy: Policy, **parts: Sequence[Any]) -> Policy:
    """Make a policy again with some of its parts changed; its preset's rules are among those that allow."""
    kept = {"allow": policy.allow, "deny": policy.deny, "limits": policy.limits, **parts}
    return Policy("none", **kept, zone=policy.zone)


# --- one rule more, one rule less -----------------------------------------------------------------------


def test_one_rule_more_that_denies_or_limits_never_allows_more() -> None:
    refused_count = 0
    for case in make_cases():
        chance = Chance(-case.seed - 1)
        more = chance.limits("more") if chance.random() < 0.5 else ()
        deny = [*case.policy.deny, *chance.rules("more")]
        stricter = change(case.policy, deny=deny, limits=[*case.policy.limits, *more])
        is_allowed, was_allowed = case.judge(stricter).is_allowed, case.judge(case.policy).is_allowed
        assert was_allowed or not is_allowed, case
        refused_count += was_allowed and not is_allowed
    assert refused_count > 50


def test_one_permission_less_never_allows_more() -> None:
    refused_count = 0
    for case in make_cases():
        chance = Chance(-case.seed - 1)
        kept = [rule for rule in case.policy.allow if chance.random() < 0.5]
        is_allowed, was_allowed = (
            case.judge(change(case.policy, allow=kept)).is_allowed,
            case.judge(case.policy).is_allowed,
        )
        assert was_allowed or not is_allowed, case
        refused_count += was_allowed and not is_allowed
    assert refused_count > 50


def test_same_policy_gives_the_same_answer_whatever_the_order_of_its_rules() -> None:
    for case in make_cases():
        chance = Chance(-case.seed - 1)
        parts = {"allow": [*case.policy.allow], "deny": [*case.policy.deny], "limits": [*case.policy.limits]}
        for rules in parts.values():
            chance.shuffle(rules)
        shuffled, plain = change(case.policy, **parts), change(case.policy)
        assert shuffled.digest == plain.digest, case
        assert case.judge(shuffled) == case.judge(plain) == case.judge(plain), case


def test_every_answer_has_a_rule_and_every_refusal_a_code_and_a_reason_that_can_be_shown() -> None:
    for case in make_cases():
        decision, policy = case.judge(case.policy), case.policy
        known = {rule.name for rule in (*policy.allow, *policy.deny)} | {one.rule.name for one in policy.limits}
        assert decision.rule in known | {"built-in:unlisted"}, case
        assert decision.code == ("" if decision.is_allowed else "prohibited"), case
        assert decision.reason.isascii(), case


def test_task_always_has_subjects_each_once() -> None:
    for case in make_cases():
        subjects = find_subjects(case.task, case.facts.names)
        assert subjects, case
        assert len(set(subjects)) == len(subjects), case


# --- what a task really touches -------------------------------------------------------------------------


def find_touched(task: Task, backups: list[Backup]) -> Iterator[Backup]:
    """Yield the backups that performing a task would touch, by the operations' own way to find them."""
    named = [one for one in task.resources if one.resource_id is not None or one.name is not None]
    if task.operation == "list" and task.resources[0].kind in ("version", "log"):
        if not named and task.parameters.get("backup"):
            yield select_backup(backups, task.parameters["backup"])
        elif not named:
            yield from backups
        else:
            yield from (find_backup(backups, one) for one in named)
        return
    if task.operation in ("status", "doctor", "watch"):
        return
    is_whole = len(named) < len(task.resources) or not task.resources
    if is_whole and not (task.operation in ("list", "get") and all(one.kind == "setting" for one in task.resources)):
        yield from backups
    if any(one.kind in ("task", "notification") for one in named):
        yield from backups  # it may be anybody's
    takes_many = task.operation in ("list", "set", "dismiss")
    yield from find_backups(backups, [one for one in named if one.kind == "backup"], takes_many=takes_many)


def fits(rule: Rule, task: Task, alias: str, local: datetime, backup: Backup) -> bool:
    """Say whether a rule means what is done to one backup, as a person reads it."""
    operation = CATALOGUE[task.operation]
    is_named = (rule.operations is None and rule.effects is None) or (
        task.operation in (rule.operations or ()) or operation.effect.value in (rule.effects or ())
    )
    used = {name for name, value in task.parameters.items() if value not in (False, "")}
    return (
        is_named
        and (rule.servers is None or alias in rule.servers)
        and (rule.window is None or rule.window.holds(local))
        and used.issuperset(rule.needs or ())
        and used.isdisjoint(rule.forbids or ())
        and (rule.backups is None or any(is_entry(entry, backup) for entry in rule.backups))
    )


def is_entry(entry: int | str, backup: Backup) -> bool:
    if isinstance(entry, int):
        return backup.backup_id == str(entry)
    return entry == backup.name or fnmatchcase(backup.name, entry)


def test_allowed_task_touches_only_backups_that_are_allowed_and_none_that_is_denied() -> None:
    touched_count = 0
    for case in make_cases():
        chance = Chance(-case.seed - 1)
        backups = [Backup.read({"Backup": {"ID": found, "Name": name}}) for found, name in case.facts.names.items()]
        facts = case.facts if chance.random() < 0.7 else case.facts._replace(names={})
        if not case.policy.judge(case.task, case.at, facts).is_allowed:
            continue
        task, local = case.task, max(case.at, case.task.not_before or case.at)
        touched: list[Backup] = []
        with suppress(errors.DuplicatiClientError):
            touched = list(find_touched(task, backups))
        touched_count += len(touched)
        has_backups = any(one.kind != "setting" for one in task.resources) or (
            not task.resources and "backup" in CATALOGUE[task.operation].resource_types
        )
        for backup in touched:
            denying = [rule for rule in case.policy.deny if fits(rule, task, facts.alias, local, backup)]
            allowing = [rule for rule in case.policy.allow if fits(rule, task, facts.alias, local, backup)]
            assert not denying, (case, backup)
            assert allowing or not has_backups, (case, backup)
    assert touched_count > 300


def test_name_in_any_letters_reaches_no_backup_that_is_denied_or_not_allowed() -> None:
    reached_count = refused_count = 0
    for seed in range(SEED, SEED + CASES_COUNT):
        chance = Chance(seed)
        names = {str(number): chance.name() for number in range(1, 4)}
        written = [*names.values(), *map(str.upper, names.values()), *map(str.lower, names.values()), "a*", "[A]"]
        rules = [Rule(f"rule-{number}", backups=tuple(chance.choices(written, k=2))) for number in range(2)]
        allow = [rules[0]._replace(operations=("run",), backups=chance.choice([None, rules[0].backups]))]
        policy = Policy("none", allow, [rules[1]] if chance.random() < 0.5 else [])
        task = read_task(
            {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "Name": chance.choice(written)}]}
        )
        facts = Facts("main", chance.choice([names, names, {}]))
        backups = [Backup.read({"Backup": {"ID": found, "Name": name}}) for found, name in names.items()]
        touched: list[Backup] = []
        with suppress(errors.DuplicatiClientError):
            touched = find_backups(backups, task.resources)
        if not policy.judge(task, MONDAY, facts).is_allowed:
            refused_count += len(touched)
            continue
        reached_count += len(touched)
        for backup in touched:
            denying = [rule for rule in policy.deny if fits(rule, task, "main", MONDAY, backup)]
            allowing = [rule for rule in policy.allow if fits(rule, task, "main", MONDAY, backup)]
            assert not denying, (seed, policy.write(), task, names)
            assert allowing, (seed, policy.write(), task, names)
    assert min(reached_count, refused_count) > 300


# --- any bytes ------------------------------------------------------------------------------------------

GOOD = """\
name = "nas"
state_folder = "state"
[task_server]
url = "https://tasks.test/"
[servers.main]
url = "http://127.0.0.1:8200"
pin = "AB:CD"
[policy]
preset = "run"
zone = "Europe/Zurich"
[[policy.deny]]
name = "a"
operations = ["run"]
backups = [3, "Docu*", "[a-z]?"]
days = ["mon-fri"]
hours = ["22:00-06:00"]
[[policy.limit]]
name = "b"
at_most = 4
per = "day"
"""
fragments = st.sampled_from(
    ["[", "]", "[[", "]]", "{", "}", '"', "'", "'''", '"""', ".", "=", ",", "#", "\n", "\r\n", "\\", "\\u0000",
     "\\ud800", "policy", "deny", "name", "a.a.", "1e999", "nan", "0x", "9" * 5000, "2026-13-45", "12:61:00", "\x00",
     "\x1b", "\ufeff", "backups", "[z-a]", "*" * 50, "-1", "true", "_", "1_0", "zone", "Europe", "../..", "/etc/passwd"]
)  # fmt: skip
words = ["run", "none", "main", "all", "hour", "mon", "22:00-06:00", "[z-a]*", "*" * 99, "UTC", "\ud800"]
keys = ["name", "allow", "deny", "limit", "backups", "at_most", "operations", "zone", "x"]
huge = st.booleans().map(lambda is_negative: (-1 if is_negative else 1) * 16**5000)
values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.datetimes() | st.sampled_from(words) | huge,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Draw a good file with some places cut out or exchanged for something else."""
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + "".join(draw(st.lists(fragments, max_size=4))) + text[end:]
    return text.encode()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("owner")
    folder.chmod(0o700)
    file = folder / "daemon.toml"
    file.touch(0o600)
    return file


def find_refusal(reading: Callable[[], Any]) -> str:
    """Return what is said against something, nothing if it is taken; any other failure is one of the test."""
    try:
        reading()
    except errors.ConfigurationInvalid as exc:
        return exc.message
    return ""


@settings(max_examples=300)
@given(content=st.binary(max_size=200) | st.lists(fragments, max_size=30).map("".join).map(str.encode) | spoilt())
@example(content=GOOD.encode())
@example(content=b"[policy]\n[[policy.deny]]\nname = 'a'\nbackups = ['" + b"*a" * 500 + b"']")
@example(content=b"[policy]\nx = " + b"9" * 100_000)
@example(content=b"[policy]\nx = " + b"[" * 100_000)
@example(content=b"[policy]\n" + b"a." * 100_000 + b"b = 1")
@example(content=b"[" * 1_000_000)
@example(content=b"[policy]\nx = '''\n[" + b" " * 900_000 + b"'''")
def test_any_bytes_are_a_policy_and_a_configuration_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for loading in (load, config.load):
        refusal = find_refusal(lambda loading=loading: loading(str(path)))
        assert not refusal or str(path) in refusal
        assert len(refusal) < 1000 + len(str(path))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["preset", *keys]), values, max_size=4))
def test_any_values_are_a_policy_that_can_judge_or_refused(members: Mapping[str, Any]) -> None:
    def judge() -> None:
        policy = read(Document("daemon.toml", "", {"policy": members}), ALIASES)
        assert len(policy.digest) == 64
        policy.judge(RUN_BY_NAME, MONDAY, Facts("main"))

    assert len(find_refusal(judge)) < 1000


@pytest.mark.parametrize(
    "pattern", ["*a" * 500, "[" * 1000, "?" * 1000, "[!" * 500, "*" * 1000, "[a-z]*" * 160, "*[ab]" * 200 + "c"]
)
def test_no_pattern_takes_long_for_any_name(pattern: str) -> None:
    members = {"preset": "run", "deny": [{"name": "a", "backups": [pattern]}]}
    policy = read(Document("daemon.toml", "", {"policy": members}), ALIASES)
    for name in ("a" * 1024, "ab" * 512, "b" * 1024, "[" * 1024):
        policy.judge(RUN_BY_ID, MONDAY, Facts("main", {"1": name}))
