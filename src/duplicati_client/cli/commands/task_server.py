"""`task-server`: names its sub-verbs, each of which has a module of its own; does nothing itself."""

from __future__ import annotations

from ..verbs import Verb

VERB = Verb(
    "task-server",
    "task-server WORD [options]",
    "Keep tasks for daemons, hand them out, and collect what came of them.",
    examples=(
        ("duplicati task-server run", "start one; it makes all it needs, and says what to do next"),
        ("duplicati task-server send nas run backup Documents --wait", "give a task, and wait for what comes of it"),
    ),
    statuses=(0, 64, 66, 69, 74, 75, 77, 78),
    subverbs=(
        ("run", "be a task server until it is stopped"),
        ("init", "make its store and its administrator, and serve nobody"),
        ("code", "make a code with which a daemon comes in"),
        ("daemons", "who is there; approve, revoke, label"),
        ("send", "give a task to a daemon, or to all with some labels"),
        ("tasks", "the newest tasks, and what came of them"),
        ("cancel", "end tasks"),
        ("users", "who the operators are"),
        ("tokens", "their keys, and those of programs"),
        ("audit", "who did what"),
        ("settings", "what can be changed while it runs"),
        ("backup", "copy the store into a file, also while it runs"),
        ("restore", "take the store back from a copy"),
    ),
)
