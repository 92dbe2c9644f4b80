"""`daemon`: names its sub-verbs, each of which has a module of its own; does nothing itself."""

from __future__ import annotations

from ..daemonoptions import CONFIG
from ..verbs import Verb

VERB = Verb(
    "daemon",
    "daemon WORD [options]",
    "Take tasks from a task server, carry out those that this machine's owner allows, and never lose or double one.",
    options=(CONFIG,),
    examples=(
        ("duplicati daemon run", "take tasks until it is stopped"),
        ("duplicati daemon status", "how it is, from another terminal"),
    ),
    statuses=(0, 64, 74, 75, 78),
    subverbs=(
        ("init", "write its configuration"),
        ("enrol", "make this machine known to a task server"),
        ("check", "prove everything that it needs, and take no task"),
        ("run", "take tasks until it is stopped"),
        ("once", "one round, for cron"),
        ("status", "how a running or a stopped daemon is"),
        ("tasks", "the tasks it has, and those that are over"),
        ("journal", "look at its journal, repair it, import tasks"),
        ("policy", "what its owner allows, and what would become of a task"),
        ("resume", "perform what was held back after the task server was restored"),
        ("service", "let the system start it"),
    ),
)
