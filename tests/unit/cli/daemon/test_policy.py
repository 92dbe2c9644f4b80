"""`daemon policy`: what is allowed, operation by operation, and what would become of a task, with its exit status."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.cli.call import Process
from duplicati_client.cli.console import Console
from duplicati_client.cli.main import main
from duplicati_client.daemon.config import load
from duplicati_client.daemon.control import Control
from duplicati_client.daemon.policy import Policy, Question
from duplicati_client.daemon.policy import load as load_policy
from duplicati_client.daemon.presets import OFFERED
from duplicati_client.daemon.rates import Rates
from duplicati_client.daemon.storage import open_folder
from duplicati_client.protocol.catalogue import CATALOGUE
from tests.shapes.checking import faults_of
from tests.unit.cli.daemon.owner import Owner
from tests.unit.cli.stage import Ended, Terminal

RUN = {"ID": 1, "Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
DENIED = '[[policy.deny]]\nname = "hands off"\noperations = ["run"]\nbackups = ["Archive*"]\n'
LIMITED = '[[policy.limit]]\nname = "twice"\noperations = ["run"]\nat_most = 2\nper = "hour"\neach = "backup"\n'
SECRET = "correct-horse"


class PolicyOwner(Owner):
    """An owner who can add to the policy, and has tasks to judge."""

    def add(self, text: str) -> None:
        before, limits, after = self.config.read_text().partition("[limits]")
        self.config.write_text(f"{before}{text}{limits}{after}")

    def check(self, tasks: Any, *words: str) -> Ended:
        """Judge tasks that stand in a file."""
        file = self.config.parent / "tasks.json"
        file.write_text(tasks if isinstance(tasks, str) else json.dumps(tasks))
        return self.run("policy", "check", str(file), *words)

    def judge(self, tasks: Any, *words: str) -> tuple[int, list[dict[str, Any]]]:
        ended = self.check(tasks, *words, "--output", "json")
        assert faults_of(ended.stdout) == []
        return ended.status, json.loads(ended.stdout)["item"]["tasks"]

    def judge_stdin(self, text: str) -> Ended:
        environ = {"HOME": str(self.config.parent)}
        out, err = Terminal(), Terminal()
        console = Console(Terminal(text), out, err, environ)
        words = ("daemon", "policy", "check", "-", "--config", str(self.config))
        return Ended(main(words, Process(environ, console, lambda prompt: "")), out.getvalue(), err.getvalue())


@pytest.fixture
def owner(tmp_path: Path) -> PolicyOwner:
    return PolicyOwner(tmp_path)


def test_an_allowed_task_is_accepted_with_the_rule_that_decides(owner: PolicyOwner) -> None:
    status, [judged] = owner.judge(RUN)
    assert (status, judged["verdict"], judged["code"], judged["rule"]) == (0, "accepted", None, "preset:run")
    assert (judged["task_id"], judged["operation"], judged["alias"]) == ("1", "run", "main")


class Case(NamedTuple):
    task: Any
    verdict: str
    rule: str | None


@pytest.mark.parametrize(
    "case",
    [
        Case({**RUN, "Operation": "repair"}, "refused", "built-in:unlisted"),
        Case({"ID": 1, "Operation": "format"}, "refused", "built-in:unknown-operation"),
        Case({**RUN, "Server": "attic"}, "malformed", None),
        Case({**RUN, "ID": 1.5}, "malformed", None),
        Case({**RUN, "Path": "/"}, "malformed", None),
        Case({"Operation": "status"}, "malformed", None),
    ],
)
def test_what_would_not_be_done_is_told_with_code_rule_and_status(owner: PolicyOwner, case: Case) -> None:
    status, [judged] = owner.judge(case.task)
    assert (judged["verdict"], judged["rule"]) == (case.verdict, case.rule)
    code, expected = ("prohibited", 77) if case.verdict == "refused" else ("malformed", 65)
    assert (judged["code"], status) == (code, expected)
    assert judged["reason"]


def test_several_tasks_are_judged_each_and_the_status_is_the_highest(owner: PolicyOwner) -> None:
    status, judged = owner.judge([RUN, {**RUN, "ID": "b", "x": 1}, {"ID": 3, "Operation": "abort"}])
    assert (status, [one["verdict"] for one in judged]) == (77, ["accepted", "malformed", "refused"])
    assert owner.judge({"Tasks": [RUN, {**RUN, "ID": "b", "x": 1}]})[0] == 65
    shown = owner.check([RUN, {"ID": 3, "Operation": "abort"}], "--output", "csv").stdout.splitlines()
    assert [line.split(",")[3] for line in shown] == ["verdict", "accepted", "refused"]
    assert owner.check([RUN, {"ID": "b", "Operation": "abort"}], "--output", "ids").stdout == "1\nb\n"


@pytest.mark.parametrize(("columns", "wrapped"), [(80, 80), (40, 40)])
def test_a_person_sees_what_and_why(owner: PolicyOwner, columns: int, wrapped: int) -> None:
    owner.add(LIMITED)
    file = owner.config.parent / "task.json"
    file.write_text(json.dumps({**RUN, "Resources": [{"Type": "backup", "Name": "a\x1b[2Jb"}]}))
    shown = owner.run("policy", "check", str(file), columns=columns).stdout
    assert "verdict    accepted\n" in shown
    assert "rule       preset:run\n" in shown
    assert "twice" in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= wrapped


def test_secrets_of_a_task_are_not_shown(owner: PolicyOwner) -> None:
    task = {
        "ID": 1,
        "Operation": "set",
        "Resources": RUN["Resources"],
        "Parameters": {"assignments": f"passphrase={SECRET}"},
    }
    for form in ("table", "json", "yaml", "csv"):
        ended = owner.check([task, {**task, "ID": 2, "Operation": "unheard-of", "x-note": SECRET}], "--output", form)
        assert ended.status == 77
        assert SECRET not in ended.stdout + ended.stderr


def test_limits_show_what_the_daemon_has_accepted_and_nothing_is_counted(owner: PolicyOwner) -> None:
    owner.add(LIMITED)
    status, [judged] = owner.judge(RUN)
    [limit] = judged["limits"]
    assert (status, limit["accepted_count"], limit["at_most"], limit["is_reached"]) == (0, 0, 2, False)
    assert not owner.state.exists()
    accepted = [Question("twice", 3600, "main/3")] * 2
    Rates(open_folder(str(owner.state)), lambda: datetime.now(UTC), time.monotonic).note(accepted)
    before = (owner.state / "accepted.yml").read_bytes()
    for _ in range(3):
        status, [judged] = owner.judge(RUN)
    [limit] = judged["limits"]
    assert (status, judged["rule"], limit["accepted_count"], limit["is_reached"]) == (77, "twice", 2, True)
    assert ((owner.state / "accepted.yml").read_bytes(), os.listdir(owner.state)) == (before, ["accepted.yml"])
    other = {**RUN, "Resources": [{"Type": "backup", "ID": 4}]}
    assert owner.judge(other)[0] == 0


def test_what_was_accepted_long_ago_counts_no_more(owner: PolicyOwner) -> None:
    owner.add(LIMITED)
    at = datetime.now(UTC) - timedelta(hours=2)
    Rates(open_folder(str(owner.state)), lambda: at, time.monotonic).note([Question("twice", 3600, "main/3")] * 2)
    assert owner.judge(RUN)[0] == 0


def test_a_task_that_is_too_late_is_accepted_and_told_to_be_too_late(owner: PolicyOwner) -> None:
    for year, is_late in ((2020, True), (2999, False)):
        status, [judged] = owner.judge({**RUN, "NotAfter": f"{year}-01-01T00:00:00Z"})
        assert (status, "expired" in judged["reason"]) == (0, is_late)


def test_names_of_backups_can_be_told_for_rules_that_go_by_them(owner: PolicyOwner) -> None:
    owner.add(DENIED)
    ended = owner.check(RUN)
    assert ended.status == 77
    assert "--backup ID=NAME" in ended.stderr
    ended = owner.check(RUN, "--backup", "3=Photos")
    assert (ended.status, ended.stderr) == (0, "")
    assert owner.check(RUN, "--backup", "3=Photos", "--backup", "03=Archive of old").status == 77


@pytest.mark.parametrize("text", ["3", "=a", "a=b", "-1=a", "٣=a", "3="])
def test_a_name_without_an_id_is_an_invalid_value(owner: PolicyOwner, text: str) -> None:
    assert owner.check(RUN, f"--backup={text}").status == 65


def test_tasks_come_from_stdin_too(owner: PolicyOwner) -> None:
    assert owner.judge_stdin(json.dumps(RUN)).status == 0
    assert owner.judge_stdin("{").status == 65


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"Tasks": 1}', "\ufeff{}", "nul", "[" * 100_000])
def test_what_holds_no_task_is_an_invalid_value(owner: PolicyOwner, text: str) -> None:
    ended = owner.check(text)
    assert (ended.status, ended.stdout) == (65, "")


def test_a_file_that_is_not_there_or_no_file_is_told(owner: PolicyOwner) -> None:
    assert owner.run("policy", "check", str(owner.config.parent / "none.json")).status == 66
    assert owner.run("policy", "check", str(owner.config.parent)).status == 65


def test_a_file_without_an_end_is_not_read_to_it(owner: PolicyOwner) -> None:
    assert owner.run("policy", "check", "/dev/zero").status == 65


@pytest.mark.parametrize("words", [(), ("check",), ("check", "a", "b"), ("show", "more"), ("chek", "a")])
def test_other_words_are_wrong_usage(owner: PolicyOwner, words: tuple[str, ...]) -> None:
    assert owner.run("policy", *words).status == 64


def test_a_broken_policy_judges_nothing(owner: PolicyOwner) -> None:
    owner.add('[[policy.deny]]\nname = "x"\noperation = ["run"]\n')
    for ended in (owner.check(RUN), owner.run("policy", "show")):
        assert (ended.status, ended.stdout) == (78, "")
        assert "did you mean operations?" in ended.stderr


@pytest.mark.parametrize("preset", OFFERED)
def test_show_says_of_each_operation_what_the_policy_decides(owner: PolicyOwner, preset: str) -> None:
    owner.config.write_text(owner.config.read_text().replace('preset = "run"', f'preset = "{preset}"'))
    ended = owner.run("policy", "show", "--output", "json")
    item = json.loads(ended.stdout)["item"]
    assert faults_of(ended.stdout) == []
    assert (item["preset"], item["digest"], item["is_in_force"]) == (preset, Policy(preset).digest, None)
    assert {one["operation"] for one in item["operations"]} == set(CATALOGUE)
    for one in item["operations"]:
        allows = any(one["operation"] in (rule.operations or ()) for rule in Policy(preset).allow)
        assert one["allowed"] == ("yes" if allows else "no")


@pytest.mark.parametrize(
    ("rules", "operation", "allowed"),
    [
        (DENIED, "run", "sometimes"),
        (LIMITED, "run", "sometimes"),
        (DENIED, "verify", "yes"),
        ('[[policy.deny]]\nname = "d"\noperations = ["run"]\n', "run", "no"),
        ('[[policy.deny]]\nname = "d"\neffects = ["coalescing"]\n', "run", "no"),
        ('[[policy.deny]]\nname = "d"\n', "status", "no"),
        ('[[policy.deny]]\nname = "d"\ndays = ["sun"]\n', "status", "sometimes"),
        ('[[policy.limit]]\nname = "l"\noperations = ["run"]\nat_most = 0\n', "run", "no"),
        (
            '[[policy.limit]]\nname = "l"\noperations = ["run"]\nat_most = 0\nhours = ["00:00-01:00"]\n',
            "run",
            "sometimes",
        ),
        ('[[policy.allow]]\nname = "a"\noperations = ["compact"]\nservers = ["main"]\n', "compact", "sometimes"),
        ('[[policy.allow]]\nname = "a"\noperations = ["compact"]\n', "compact", "yes"),
    ],
)
def test_show_tells_never_from_sometimes(owner: PolicyOwner, rules: str, operation: str, allowed: str) -> None:
    owner.add(rules)
    found = {one["operation"]: one["allowed"] for one in owner.read("policy", "show")["operations"]}
    assert found[operation] == allowed


def test_show_writes_rules_in_words(owner: PolicyOwner) -> None:
    owner.add(
        '[[policy.allow]]\nname = "at night"\noperations = ["compact"]\nservers = ["main"]\nbackups = [3, "photo*"]\n'
        'days = ["mon-tue"]\nhours = ["22:00-06:00"]\nneeds = ["wait"]\nforbids = ["timeout"]\n'
        '[[policy.deny]]\nname = "all"\ndays = ["sun"]\n' + LIMITED
    )
    shown = owner.run("policy", "show", columns=200).stdout
    assert (
        "at night  compact; on main; of number 3, photo*; mon, tue 22:00-06:00; with wait; without timeout\n" in shown
    )
    assert "all  everything; sun 00:00-24:00\n" in shown
    assert "twice  2 per hour for each backup: run\n" in shown
    for columns in (80, 40):
        lines = owner.run("policy", "show", columns=columns).stdout.splitlines()
        assert max(map(len, lines)) <= columns


def test_show_tells_whether_the_running_daemon_goes_by_it(owner: PolicyOwner) -> None:
    assert "no daemon runs" in owner.run("policy", "show", columns=None).stdout
    owner.keep()
    digest = load_policy(str(owner.config), load(str(owner.config)).servers).digest
    for told, is_in_force in ((digest, True), ("0" * 64, False)):
        control = Control(str(owner.state), lambda question, told=told: {"policy": {"digest": told}})
        try:
            assert owner.read("policy", "show")["is_in_force"] is is_in_force
            assert ("send it SIGHUP" in owner.run("policy", "show", columns=None).stdout) is not is_in_force
        finally:
            control.close()
