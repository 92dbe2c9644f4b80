"""The owner's policy in force: read anew when asked for, and what it says of tasks, counting what it lets through."""

from __future__ import annotations

from .. import errors
from ..protocol.task import Malformed, Task, read_task
from .entries import Entry, Step
from .intake import Verdict
from .journal import StorageFailed
from .parts import Parts
from .policy import Facts, Policy


class Ruling:
    """Decides by the policy; `error` says why the one on the disk is not in force."""

    def __init__(self, parts: Parts, policy: Policy) -> None:
        self.policy = policy
        self.error: str | None = None
        self._parts = parts

    def reload(self) -> None:
        """Take the policy from its file anew; an unusable one leaves the old one in force."""
        events = self._parts.events
        try:
            self.policy, self.error = self._parts.load_policy(), None
            events.tell("policy-reloaded", f"the policy was read anew ({self.policy.digest[:12]})")
        except errors.DuplicatiClientError as exc:
            self.error = exc.message
            text = f"the policy is not taken over, the old one stays in force: {exc.message}"
            events.tell("policy-broken", text, "error")

    def needs_names(self) -> bool:
        """Say whether a rule names backups or counts them, so that their names have to be known before it judges."""
        policy = self.policy
        rules = (*policy.allow, *policy.deny, *(limit.rule for limit in policy.limits))
        are_counted = any(limit.each == "backup" for limit in policy.limits)
        return are_counted or any(rule.backups is not None for rule in rules)

    def judge(self, task: Task) -> Verdict:
        """Decide on a task, and count it if it is accepted; raises `StorageFailed` if that cannot be."""
        policy, at = self.policy, self._parts.now()
        facts = self._find_facts(task)
        decision = policy.judge(task, at, facts)
        if decision.is_allowed:
            try:
                self._parts.rates.note(policy.find_limits(task, at, facts))
            except OSError as exc:
                raise StorageFailed(f"what was accepted cannot be counted: {exc.strerror}") from exc
        return Verdict(decision, policy.digest, policy.on_interrupted)

    def may_stop(self, entry: Entry) -> bool:
        """Say whether the policy would allow a task that stops what this one has started."""
        received = entry.steps.get(Step.RECEIVED, {})
        resources = (received.get("Content") or {}).get("Resources", [])
        stop = read_task({"ID": 0, "Operation": "stop", "Resources": resources, "Server": received.get("Server")})
        if isinstance(stop, Malformed):
            return False
        return self.policy.judge(stop, self._parts.now(), self._find_facts(stop)).is_allowed

    def _find_facts(self, task: Task) -> Facts:
        alias = task.server or next(iter(self._parts.config.servers))
        return Facts(alias, self._parts.inventory.find_names(alias), self._parts.rates.count)
