"""A policy from its text, and what it says of a task; no file is read and no server is there."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from duplicati_client.daemon.policy import Decision, Facts, Policy, Question, read
from duplicati_client.daemon.tables import Document
from duplicati_client.protocol.task import Task, read_task
from tests.unit.daemon.bench import make_task

TUESDAY_NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NAMES = {"3": "Documents", "4": "Photos", "7": "Database"}


def write_document(text: str) -> Document:
    return Document("/etc/daemon.toml", text, tomllib.loads(text))


def read_policy(text: str, aliases: Collection[str] | None = ("main", "nas")) -> Policy:
    return read(write_document(text), aliases)


def write_rules(*rules: str, preset: str = "none", more: str = "") -> str:
    """Write a policy; a rule is `allow`, `deny` or `limit` and its members, as in `deny backups = [3]`."""
    lines = ["[policy]", f'preset = "{preset}"', more]
    for number, rule in enumerate(rules):
        kind, _, members = rule.partition(" ")
        lines += [f"[[policy.{kind}]]", f'name = "{kind}-{number}"', *members.split("; ")]
    return "\n".join(lines)


def rule(*rules: str, preset: str = "none", more: str = "") -> Policy:
    return read_policy(write_rules(*rules, preset=preset, more=more))


def ask(operation: str = "run", *resources: Mapping[str, Any], **members: Any) -> Task:
    """Make a task; parameters that its operation must have are there, so that only the policy decides."""
    task = make_task(Operation=operation, Resources=list(resources), **members)
    assert isinstance(task, Task), task
    return task


def backup(resource_id: Any = None, name: str | None = None) -> dict[str, Any]:
    found = {"Type": "backup", "ID": resource_id, "Name": name}
    return {key: value for key, value in found.items() if value is not None}


RUN_3 = ask("run", backup(3))


class Counts:
    """What was accepted before, as a policy asks for it."""

    def __init__(self) -> None:
        self.noted: list[Question] = []

    def __call__(self, question: Question) -> int:
        return self.noted.count(question)


def judge(
    policy: Policy,
    task: Task = RUN_3,
    *,
    at: datetime = TUESDAY_NOON,
    names: Mapping[str, str] = NAMES,
    alias: str = "main",
    counts: Counts | None = None,
) -> Decision:
    return policy.judge(task, at, Facts(alias, names, counts or Counts()))


def allows(policy: Policy, task: Task = RUN_3, **circumstances: Any) -> bool:
    return judge(policy, task, **circumstances).is_allowed


def accept(policy: Policy, task: Task, counts: Counts, *, names: Mapping[str, str] = NAMES) -> bool:
    """Judge a task and count it if it is allowed, as the daemon does."""
    is_allowed = allows(policy, task, names=names, counts=counts)
    if is_allowed:
        counts.noted += policy.find_limits(task, TUESDAY_NOON, Facts("main", names, counts))
    return is_allowed


def read_one(item: Any) -> Task:
    task = read_task(item)
    assert isinstance(task, Task), task
    return task
