"""`daemon journal`: shows what a daemon's files say, judges and mends them, and takes tasks that a person wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..output.columns import Column
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "daemon journal",
    "daemon journal show [TASK] | check | repair | import FILE [options]",
    "Look at the daemon's journal, task-list.yml, and its history, task-history.yml: every step of every task, written "
    "down before it was taken. Show and check write nothing, and work beside a running daemon.",
    (
        ("show [TASK]", "each record of a task, in order; without a task those of all open ones"),
        ("check", "what cannot be believed: by line, whose task it was, and what that puts in doubt"),
        ("repair", "write anew what can be believed, as the next start would; shows it and asks, keeps a copy"),
        ("import FILE", "take tasks from a YAML list that you wrote; the next round judges them by the policy"),
    ),
    (
        CONFIG,
        Option("yes", "repair without asking", "flag", short="y", places="o"),
    ),
    (
        ("duplicati daemon journal show 7", "what became of task 7, with times; a text “7” is s:7"),
        ("duplicati daemon journal check --output json", "for monitoring; the exit status says whether all is sound"),
        ("duplicati daemon journal repair --yes", "with the daemon stopped"),
        ("duplicati daemon journal import tasks.yml", "their results go to the task server, as those of all tasks"),
    ),
    (0, 64, 65, 66, 74, 75, 78),
)
COLUMNS = (
    Column("line", "LINE", "number", 4, about="its line in the file"),
    Column("number", "NUMBER", "number", 5, about="its number, one higher than that of the record before"),
    Column("at", "WHEN", "time", 1, about="when it was written"),
    Column("task_id", "TASK", "id", 0, about="the task server's id of the task"),
    Column("id_type", "TYPE", "text", 2, False, about="whether that is a number or text"),
    Column("step", "STEP", "text", 0, about="how far the task is with it; `damaged` or `torn` for what is no record"),
    Column("text", "WHAT", "text", 3, about="what it says, secrets hidden"),
)


def perform(call: Call) -> int:
    """Do what the word says."""
    from ...daemon.config import load  # noqa: PLC0415 - not for --help

    deed, *words = call.words or ("",)
    if deed not in ("show", "check", "repair", "import"):
        told = f"a journal cannot be told to {deed}" if deed else "what is to be done with the journal?"
        raise errors.UsageInvalid(told, hint=f"duplicati {VERB.usage}")
    if deed == "import":
        from .importing import enter_file  # noqa: PLC0415 - it needs YAML

        return enter_file(call, load(find_config_file(call)), take_one(words, "file", VERB.usage))
    if words and (deed != "show" or len(words) > 1):
        raise errors.UsageInvalid(f"what is {words[-1]}?", hint=f"duplicati {VERB.usage}")
    if deed == "repair" and not call.flag("yes") and not call.console.is_stdin_terminal:
        raise errors.UsageInvalid("there is nobody to ask whether to repair", hint="--yes repairs unasked")
    config = load(find_config_file(call))
    from . import checking, records  # noqa: PLC0415 - not for --help

    if deed == "show":
        return records.show(call, config, COLUMNS, words[0] if words else None)
    return checking.check(call, config) if deed == "check" else checking.repair(call, config)
