"""`daemon policy`: what the owner's policy allows, and what would become of a task; no server is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..call import Call

VERB = Verb(
    "daemon policy",
    "daemon policy show | check FILE [options]",
    "Show what the owner's policy allows, or say what would become of a task: accepted, refused or malformed, and "
    "which rule decides. The limits count what the daemon has accepted; nothing is sent, performed or counted.",
    (
        ("show", "every operation, and whether tasks may use it"),
        ("check FILE", "the tasks in a file, as a task server would offer them; - reads them from stdin"),
    ),
    (
        CONFIG,
        Option(
            "backup",
            "the name of a backup, for rules that go by names, which nobody is asked for here; may be repeated",
            metavar="ID=NAME",
            is_repeatable=True,
            places="o",
        ),
    ),
    (
        ("duplicati daemon policy show", "what is allowed, and the digest that results name"),
        ("duplicati daemon policy check task.json", "for a person; the exit status says whether all are accepted"),
        ("duplicati daemon policy check - --backup 3=Photos < tasks.json", "a rule that names Photos knows number 3"),
        ("duplicati daemon policy check task.json --output json", "for a program, with the state of each limit"),
    ),
    (0, 64, 65, 66, 77, 78),
)


def perform(call: Call) -> int:
    """Do what the first word says."""
    from ...daemon import policy as policies  # noqa: PLC0415 - not for --help
    from ...daemon.config import load  # noqa: PLC0415
    from ..asking import make_printer  # noqa: PLC0415

    deed = call.words[0] if call.words else ""
    if deed not in ("show", "check"):
        what = f"a policy cannot be told to {deed}" if deed else "what is to be done with the policy?"
        raise errors.UsageInvalid(what, hint=f"duplicati {VERB.usage}")
    if deed == "show" and len(call.words) > 1:
        raise errors.UsageInvalid(f"what is {call.words[1]}?", hint="duplicati daemon policy show")
    file = take_one(call.words[1:], "FILE", "daemon policy check FILE") if deed == "check" else ""
    config = load(find_config_file(call))
    policy = policies.load(config.policy_file, config.servers)
    if deed == "show":
        from .allowances import make_page  # noqa: PLC0415 - only this word shows them

        make_printer(call).print_page(make_page(config, policy))
        return 0
    from . import judging  # noqa: PLC0415 - only this word judges

    judged = judging.judge(config, policy, judging.read_items(call, file), _read_names(call))
    judging.show(call, policy, judged)
    return judging.status_of(judged)


def _read_names(call: Call) -> Mapping[str, str]:
    names = {}
    for text in call.value("backup") or ():
        backup_id, equals, name = text.partition("=")
        if not equals or not (backup_id.isascii() and backup_id.isdecimal()) or not name:
            raise errors.InvalidValue(f"{text[:80]!a} is not an id and a name", hint="--backup 3=Photos")
        names[backup_id.lstrip("0") or "0"] = name
    return names
