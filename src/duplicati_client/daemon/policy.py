"""The owner's policy: read from its file, and what it says of a task. Asks no server and no clock, keeps nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple, TypeVar

from ..protocol import codec
from ..protocol.catalogue import CATALOGUE, Effect
from ..protocol.task import Task
from .presets import DELETING, PRESETS
from .rules import Asked, Fit, Rule, Subject, find_subjects
from .tables import SHOWN_CHARACTERS, Document, Table, read_document
from .windows import WHOLE_DAY, WHOLE_WEEK, Window, read_days, read_spans

PROHIBITED: Final = "prohibited"
UNKNOWN_OPERATION: Final = "built-in:unknown-operation"
UNLISTED: Final = "built-in:unlisted"
RERUN, REPORT = "rerun", "report"
SECONDS: Final[Mapping[str, int]] = {"hour": 3600, "day": 86_400}
COUNT_MAX: Final = 10_000
"""What a limit can count to: whoever counts has to be able to remember as much."""
_NEXT_STEP = '[policy] and preset = "run"'
_NAME_CHARACTERS = 64
_KEY_CHARACTERS = 64
_BACKUP_CHARACTERS = 1024
_BACKUP_ID_MAX = 10**18 - 1
_Part = TypeVar("_Part")


class Decision(NamedTuple):
    """What becomes of a task: `rule` is the name of the rule that decides, `code` empty where it is allowed."""

    is_allowed: bool
    code: str
    rule: str
    reason: str


class Limit(NamedTuple):
    """At most so many of the tasks that `rule` fits are accepted within `seconds` before each one.

    A task of several backups counts as one of each. `each` says what is counted apart: `backup`, `operation`, or `all`
    for none of them.
    """

    rule: Rule
    at_most: int
    per: str
    each: str

    @property
    def seconds(self) -> int:
        """How far back it counts."""
        return SECONDS[self.per]

    def write(self) -> dict[str, Any]:
        """Return it in its one normal form."""
        return self.rule.write() | {"at_most": self.at_most, "per": self.per, "each": self.each}


class Question(NamedTuple):
    """How many tasks were accepted in the `seconds` before now that a limit counts; None means whichever."""

    limit: str
    seconds: int
    key: str


class Facts(NamedTuple):
    """What a decision rests on besides task, policy and time.

    `alias` is the server that the task is for. `names` are the backups of that server by id, as far as they are known
    already: nobody is asked because of a task. `count` answers how many were accepted before.
    """

    alias: str
    names: Mapping[str, str] = {}
    count: Callable[[Question], int] = lambda question: 0


class Policy:
    """What the owner allows. `digest` stands for its meaning: the same digest, facts and time give the same answer."""

    def __init__(  # noqa: PLR0913 - a whole section of a file
        self,
        preset: str,
        allow: Sequence[Rule] = (),
        deny: Sequence[Rule] = (),
        limits: Sequence[Limit] = (),
        zone: tzinfo | None = None,
        *,
        on_interrupted: str = RERUN,
    ) -> None:
        """`zone` is the one of days and hours, None for this machine's.

        `on_interrupted` is what becomes of what a restarted server has lost: started once more, or only reported.
        """
        self.preset = preset
        self.zone, self.on_interrupted = zone, on_interrupted
        self.allow = tuple(sorted((*_expand(preset), *allow), key=lambda rule: rule.name))
        self.deny = tuple(sorted(deny, key=lambda rule: rule.name))
        self.limits = tuple(sorted(limits, key=lambda limit: limit.rule.name))
        self.digest = codec.digest(self.write())

    def write(self) -> dict[str, Any]:
        """Return it in its one normal form: presets spelt out, everything in one order."""
        return {
            "preset": self.preset,
            "zone": str(self.zone) if self.zone is not None else "local",
            "on_interrupted": self.on_interrupted,
            "allow": [rule.write() for rule in self.allow],
            "deny": [rule.write() for rule in self.deny],
            "limit": [limit.write() for limit in self.limits],
        }

    def judge(self, task: Task, at: datetime, facts: Facts) -> Decision:
        """Decide on a task for the moment when it may begin: `at`, or its `NotBefore` if that is later."""
        if task.operation not in CATALOGUE:
            return _refuse(UNKNOWN_OPERATION, f"there is no operation {_show(task.operation)}")
        asked, subjects = self._read(task, at, facts), find_subjects(task, facts.names)
        return self._find_denial(asked, subjects) or self._decide(asked, subjects, facts)

    def find_limits(self, task: Task, at: datetime, facts: Facts) -> list[Question]:
        """Return what an accepted task counts for, once for each time that it counts; `at` is when it was judged."""
        asked, subjects = self._read(task, at, facts), find_subjects(task, facts.names)
        return [question for limit in self.limits for question in _ask(limit, asked, subjects)]

    def _read(self, task: Task, at: datetime, facts: Facts) -> Asked:
        begins_at = max(at, task.not_before) if task.not_before is not None else at
        effect = CATALOGUE[task.operation].effect
        return Asked(task.operation, effect, facts.alias, task.parameters, begins_at.astimezone(self.zone))

    def _find_denial(self, asked: Asked, subjects: Sequence[Subject]) -> Decision | None:
        fits = [(max(rule.fit(asked, one, is_generous=True) for one in subjects), rule) for rule in self.deny]
        certain = next((rule for fit, rule in fits if fit is Fit.YES), None)
        if certain is not None:
            return _refuse(certain.name, f"the rule {certain.name} denies {asked.operation}")
        perhaps = next((rule for fit, rule in fits if fit is Fit.PERHAPS), None)
        if perhaps is None:
            return None
        reason = f"the rule {perhaps.name} denies some backups, and this task may touch one of them"
        return _refuse(perhaps.name, reason)

    def _decide(self, asked: Asked, subjects: Sequence[Subject], facts: Facts) -> Decision:
        rules = [_find_allowing(self.allow, asked, subject) for subject in subjects]
        missing = next((subject for subject, rule in zip(subjects, rules, strict=True) if rule is None), None)
        if missing is not None:
            return _refuse(UNLISTED, f"no rule allows {asked.operation}{_tell(missing)} on {asked.alias} now")
        for limit in self.limits:
            wanted = Counter(_ask(limit, asked, subjects))
            if any(facts.count(question) + count > limit.at_most for question, count in wanted.items()):
                reason = f"the rule {limit.rule.name} allows {limit.at_most} per {limit.per}, and that is reached"
                return _refuse(limit.rule.name, reason)
        name = min(rule.name for rule in rules if rule is not None)
        return Decision(is_allowed=True, code="", rule=name, reason=f"the rule {name} allows it")


def load(path: str, aliases: Collection[str] | None = None) -> Policy:
    """Read the `[policy]` of a file; raises `ConfigurationInvalid` for what is missing, unknown or contradictory.

    `aliases` are the servers that rules may name; None where they are not known.
    """
    return read(read_document(path, missing_hint=f"write it: {_NEXT_STEP}"), aliases)


def read(document: Document, aliases: Collection[str] | None = None) -> Policy:
    """Read the `[policy]` of a file that was read already; what else is in it is for others."""
    table = document.root.take_table("policy")
    if table is None:
        document.refuse(("policy",), "is missing: what is allowed has to be said", f"write {_NEXT_STEP}")
    preset = table.take_choice("preset", tuple(PRESETS), "default")
    zone, on_interrupted = _read_zone(table), table.take_choice("on_interrupted", (RERUN, REPORT), RERUN)
    allow = [_read_allowing(inner, aliases) for inner in table.take_tables("allow")]
    deny = [_read_denying(inner, aliases) for inner in table.take_tables("deny")]
    limits = [_read_limit(inner, aliases) for inner in table.take_tables("limit")]
    table.finish()
    _refuse_repeats(table, [*allow, *deny, *(limit.rule for limit in limits)])
    return Policy(preset, allow, deny, limits, zone, on_interrupted=on_interrupted)


def _expand(preset: str) -> list[Rule]:
    """Return a preset's rules, in what they mean today: so the digest changes when that does."""
    name, meant = f"preset:{preset}", PRESETS[preset]
    plain, careful = meant.list_operations(), meant.list_careful()
    rules = [Rule(name, tuple(plain))] if plain else []
    return rules + ([Rule(name, tuple(careful), needs=("to",), forbids=("overwrite",))] if careful else [])


def _find_allowing(rules: Sequence[Rule], asked: Asked, subject: Subject) -> Rule | None:
    return next((rule for rule in rules if rule.fit(asked, subject, is_generous=False) is Fit.YES), None)


def _ask(limit: Limit, asked: Asked, subjects: Iterable[Subject]) -> list[Question]:
    """Return the counts that a task would add to; a backup that is not known counts as one of its own."""
    meant = [one for one in subjects if limit.rule.fit(asked, one, is_generous=True) is not Fit.NO]
    return [Question(limit.rule.name, limit.seconds, _key(limit, asked, one)) for one in meant]


def _key(limit: Limit, asked: Asked, subject: Subject) -> str:
    if limit.each == "operation":
        return asked.operation
    if limit.each == "backup":
        return f"{asked.alias}/{subject.backup_id or (subject.name or '?').casefold()[:_KEY_CHARACTERS]}"
    return ""


def _refuse(rule: str, reason: str) -> Decision:
    return Decision(is_allowed=False, code=PROHIBITED, rule=rule, reason=reason)


def _tell(subject: Subject) -> str:
    """Name a backup by its id, so that the answer is the same before and after its name is known."""
    if subject.backup_id is not None:
        return f" of the backup {subject.backup_id}"
    return f" of the backup {_show(subject.name)}, which is not known," if subject.name is not None else ""


def _show(text: str) -> str:
    return ascii(text[:SHOWN_CHARACTERS])


def _read_zone(table: Table) -> tzinfo | None:
    name = table.take_text("zone")
    if name is None or name == "local":
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - most policies keep to the machine's zone

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        what = f"has {_show(name)}, which this machine does not know"
        table.refuse("zone", what, "as in Europe/Zurich; local is its own")


def _read_allowing(table: Table, aliases: Collection[str] | None) -> Rule:
    rule = _read_rule(table, aliases)
    if set(rule.effects or ()) & DELETING or (rule.operations is None and rule.effects is None):
        what = "allows deletions, which are always named one by one"
        table.refuse("effects" if rule.effects else "name", what, 'say which: operations = ["…"]')
    table.finish()
    return rule


def _read_denying(table: Table, aliases: Collection[str] | None) -> Rule:
    rule = _read_rule(table, aliases)
    table.finish()
    return rule


def _read_limit(table: Table, aliases: Collection[str] | None) -> Limit:
    rule = _read_rule(table, aliases)
    at_most = table.take_number("at_most", 0, COUNT_MAX)
    if at_most is None:
        table.refuse("name", "says no number: at_most")
    per = table.take_choice("per", tuple(SECONDS), "day")
    each = table.take_choice("each", ("backup", "operation", "all"), "all")
    table.finish()
    return Limit(rule, at_most, per, each)


def _read_rule(table: Table, aliases: Collection[str] | None) -> Rule:
    name = table.need_text("name")
    if len(name) > _NAME_CHARACTERS or not name.isascii() or ":" in name:
        table.refuse("name", f"is not a name of at most {_NAME_CHARACTERS} ASCII characters without a colon")
    operations = table.take_texts("operations", tuple(CATALOGUE))
    parameters = _list_parameters(operations)
    return Rule(
        name=name,
        operations=operations,
        effects=table.take_texts("effects", tuple(effect.value for effect in Effect)),
        servers=table.take_texts("servers", None if aliases is None else sorted(aliases)),
        backups=_read_backups(table),
        window=_read_window(table),
        needs=table.take_texts("needs", parameters),
        forbids=table.take_texts("forbids", parameters),
    )


def _list_parameters(operations: Sequence[str] | None) -> list[str]:
    meant = CATALOGUE if operations is None else operations
    return list(dict.fromkeys(one.name for name in meant for one in CATALOGUE[name].parameters))


def _read_backups(table: Table) -> tuple[int | str, ...] | None:
    values = table.take_list("backups")
    if values is None:
        return None
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            table.refuse("backups", "is not a list of ids (3), names and patterns (in quotes)")
        if isinstance(value, int) and not 0 <= value <= _BACKUP_ID_MAX:
            table.refuse("backups", "has a number that is no backup's id")
        if isinstance(value, str) and len(value) > _BACKUP_CHARACTERS:
            table.refuse("backups", f"has a name of more than {_BACKUP_CHARACTERS} characters")
        if isinstance(value, str) and value.isdecimal():
            told = _show(value)
            table.refuse("backups", f"has {told} in quotes, which would be a name", f"an id has none: {told[1:-1]}")
    return tuple(values)


def _read_window(table: Table) -> Window | None:
    days, hours = table.take_texts("days"), table.take_texts("hours")
    if days is None and hours is None:
        return None
    return Window(
        days=_read_part(table, "days", days, read_days) if days else WHOLE_WEEK,
        spans=_read_part(table, "hours", hours, read_spans) if hours else WHOLE_DAY,
    )


def _read_part(table: Table, key: str, texts: Sequence[str], reader: Callable[[Sequence[str]], _Part]) -> _Part:
    try:
        return reader(texts)
    except ValueError as exc:
        return table.refuse(key, str(exc))


def _refuse_repeats(table: Table, rules: Sequence[Rule]) -> None:
    names = [rule.name for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        table.document.refuse(table.place, f"has two rules called {twice}")
