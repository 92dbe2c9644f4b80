"""`completion`: the shells' completion scripts, putting them where a shell looks, and what the scripts ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..listings import COMPLETION_SCRIPTS
from ..options import Option
from ..output.columns import Listing
from ..text import neutralise
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..call import Call
    from ..completion.installing import Change

VERB = Verb(
    "completion",
    "completion [SHELL | install [SHELL] | uninstall [SHELL]] [options]",
    "Complete verbs, options and names with TAB, as duplicati and as duc, in bash, zsh, fish and PowerShell.",
    (
        ("bash|zsh|fish|powershell", "print the script for this shell"),
        ("install [SHELL]", "put it where the shell looks; without a name for the shell this runs in"),
        ("uninstall [SHELL]", "remove it again"),
    ),
    (Option("dry-run", "only say what would be changed", "flag", places="o", scope="completion"),),
    (
        ("duplicati completion install", "for the shell in use; open a new one afterwards"),
        ("duplicati completion install zsh --dry-run", "which files it would write"),
        ('eval "$(duplicati completion bash)"', "only for this shell, and only now"),
    ),
    (0, 64, 73),
)


def perform(call: Call) -> int:
    """Do what the first word says; `ask` and `refresh` are for the scripts and for this program itself."""
    deed, words = (call.words[0], call.words[1:]) if call.words else ("", ())
    if deed == "ask":
        return _ask(call, words)
    if deed == "refresh":
        from ..completion.names import refresh_names  # noqa: PLC0415 - the other words ask no server

        refresh_names(call, take_one(words, "kind", VERB.usage))
        return 0
    from ..completion import installing  # noqa: PLC0415 - a TAB needs none of it

    if deed in ("install", "uninstall"):
        shell = take_one(words, "shell", VERB.usage) if words else installing.detect_shell(call.process.environ)
        plan = installing.make_plan(shell, call.process.environ, is_removal=deed == "uninstall")
        _carry_out(call, shell, plan)
        return 0
    if not deed:
        raise errors.UsageInvalid("which shell?", hint="duplicati completion install")
    call.console.write(installing.make_script(take_one(call.words, "shell", VERB.usage)))
    return 0


def _ask(call: Call, words: Sequence[str]) -> int:
    from ..completion.answering import answer  # noqa: PLC0415 - the words for people need none of it
    from ..completion.names import NameFinder  # noqa: PLC0415

    if not words:
        raise errors.UsageInvalid("this is for the completion scripts", hint=f"duplicati {VERB.usage}")
    call.console.write(answer(words[0], words[1:], call.process, NameFinder()))
    return 0


def _carry_out(call: Call, shell: str, changes: Sequence[Change]) -> None:
    from ..asking import make_printer  # noqa: PLC0415 - a TAB prints no listing
    from ..completion.installing import carry_out  # noqa: PLC0415

    is_dry = call.flag("dry_run")
    rows = []
    for change in changes:
        if change.is_needed and not is_dry:
            carry_out(change)
        rows.append((change.path, _tell(change, is_dry=is_dry)))
    printer = make_printer(call)
    if printer.form == "table":  # a path is of use as a whole alone, however wide the terminal is
        call.console.write("".join(f"{deed:11}  {neutralise(path)}\n" for path, deed in rows))
    else:
        printer.print_listing(Listing("scripts", COMPLETION_SCRIPTS, rows))
    if not is_dry and any(change.is_needed for change in changes):
        call.console.say(f"it counts in every {shell} that is started from now on")


def _tell(change: Change, *, is_dry: bool) -> str:
    if not change.is_needed:
        return "unchanged"
    deed = "write" if change.content is not None else "remove"
    return f"would {deed}" if is_dry else {"write": "written", "remove": "removed"}[deed]
