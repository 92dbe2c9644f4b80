"""What a policy allows, operation by operation, in words; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...daemon import control
from ...daemon.policy import RERUN
from ...protocol.catalogue import CATALOGUE
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section

if TYPE_CHECKING:
    from ...daemon.config import DaemonConfig
    from ...daemon.policy import Limit, Policy
    from ...daemon.rules import Rule
    from ...protocol.catalogue import Operation

YES, SOMETIMES, NO = "yes", "sometimes", "no"
OPERATIONS = (
    Column("operation", "OPERATION", "id", 0, about="name of the operation"),
    Column("allowed", "ALLOWED", "text", 0, about="yes, sometimes or no"),
    Column("effect", "EFFECT", "text", 2, about="what it does to a server, the word that rules have for it"),
    Column("rules", "RULES", "text", 1, about="the rules that say so"),
)


class Allowance(NamedTuple):
    """Whether tasks may use an operation, and by which rules."""

    operation: str
    allowed: str
    effect: str
    rules: tuple[str, ...]


def make_page(config: DaemonConfig, policy: Policy) -> Page:
    """Return the page; a running daemon is asked which policy it goes by."""
    allowances = [judge(policy, operation) for operation in CATALOGUE.values()]
    is_in_force = _ask_daemon(config, policy)
    written = policy.write()
    item = {
        "file": config.policy_file,
        "preset": policy.preset,
        "digest": policy.digest,
        "is_in_force": is_in_force,
        "operations": allowances,
        "policy": written,
    }
    head = (
        Field("file", config.policy_file),
        Field("preset", policy.preset),
        Field("digest", policy.digest),
        Field("hours", None if written["zone"] == "local" else f"of {written['zone']}"),
        Field("lost runs", None if written["on_interrupted"] == RERUN else "are reported, and not started once more"),
        Field("in force", _tell_force(is_in_force)),
    )
    rows = [(one.operation, one.allowed, one.effect, ", ".join(one.rules) or None) for one in allowances]
    own = [rule for rule in policy.allow if not rule.name.startswith("preset:")]
    parts = (
        ("Allowed by rules", [Field(rule.name, _tell_rule(rule)) for rule in own]),
        ("Denied", [Field(rule.name, _tell_rule(rule)) for rule in policy.deny]),
        ("Limits", [Field(limit.rule.name, _tell_limit(limit)) for limit in policy.limits]),
    )
    sections = [Section("", head), Section("", (), Listing("operations", OPERATIONS, rows))]
    return Page("policy", item, [*sections, *(Section(title, fields) for title, fields in parts if fields)])


def judge(policy: Policy, operation: Operation) -> Allowance:
    """Say whether tasks may use an operation, as far as that can be said without a task."""
    allowing = [rule for rule in policy.allow if _is_about(rule, operation)]
    denying = [rule for rule in policy.deny if _is_about(rule, operation)]
    limiting = [limit.rule for limit in policy.limits if _is_about(limit.rule, operation)]
    is_denied = any(_is_plain(rule) for rule in denying)
    is_closed = any(_is_plain(one.rule) and not one.at_most for one in policy.limits if one.rule in limiting)
    effect = operation.effect.value
    if not allowing or is_denied or is_closed:
        rules = [rule for rule in denying if _is_plain(rule)] if allowing else []
        return Allowance(operation.name, NO, effect, tuple(rule.name for rule in rules))
    is_free = any(_is_plain(rule) for rule in allowing) and not denying and not limiting
    rules = [*allowing, *denying, *limiting]
    return Allowance(operation.name, YES if is_free else SOMETIMES, effect, tuple(rule.name for rule in rules))


def _is_about(rule: Rule, operation: Operation) -> bool:
    if rule.operations is None and rule.effects is None:
        return True
    return operation.name in (rule.operations or ()) or operation.effect.value in (rule.effects or ())


def _is_plain(rule: Rule) -> bool:
    """Say whether nothing but the operation counts."""
    return all(part is None for part in (rule.servers, rule.backups, rule.window, rule.needs, rule.forbids))


def _ask_daemon(config: DaemonConfig, policy: Policy) -> bool | None:
    snapshot = control.ask(config.state_folder, "status")
    return None if snapshot is None else snapshot["policy"]["digest"] == policy.digest


def _tell_force(is_in_force: bool | None) -> str:
    if is_in_force is None:
        return "from the next start on: no daemon runs"
    return "yes" if is_in_force else "no, the running daemon has another one: send it SIGHUP to take this one over"


def _tell_rule(rule: Rule) -> str:
    about = ", ".join((*(rule.operations or ()), *(rule.effects or ())))
    return "; ".join((about or "everything", *_tell_conditions(rule)))


def _tell_limit(limit: Limit) -> str:
    each = "" if limit.each == "all" else f" for each {limit.each}"
    return f"{limit.at_most} per {limit.per}{each}: {_tell_rule(limit.rule)}"


def _tell_conditions(rule: Rule) -> Iterator[str]:
    if rule.servers is not None:
        yield f"on {_list(rule.servers)}"
    if rule.backups is not None:
        yield f"of {_list([f'number {one}' if isinstance(one, int) else one for one in rule.backups])}"
    if rule.window is not None:
        written = rule.window.write()
        days = "" if len(written["days"]) == 7 else f"{_list(written['days'])} "
        yield f"{days}{_list(written['hours'])}"
    if rule.needs is not None:
        yield f"with {_list(rule.needs)}"
    if rule.forbids is not None:
        yield f"without {_list(rule.forbids)}"


def _list(parts: Sequence[str]) -> str:
    return ", ".join(parts)
