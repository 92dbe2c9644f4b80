"""`daemon check`: proves what a daemon needs before its first start, one line each; takes no task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from .. import exits
from ..daemonoptions import CONFIG, find_config_file
from ..options import Option
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from ..text import neutralise
from ..verbs import Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..call import Call
    from .proofs import Proof

_PATIENCE_SECONDS = 60.0

VERB = Verb(
    "daemon check",
    "daemon check [options]",
    "Prove what a daemon needs before its first start: configuration, policy, state folder, free space, the task "
    "server, the clock, and each Duplicati server with its login. No task is taken. The exit status is that of the "
    "first line that is refused; a warning works and is worth a look.",
    options=(
        CONFIG,
        Option("timeout", "how long it may take; 60s if not given", "seconds", "DURATION", scope="daemon", places="o"),
    ),
    examples=(
        ("duplicati daemon check", "one line each, and what to do about it"),
        ("duplicati daemon check --output json", "for a program"),
        ("duplicati daemon check --timeout 20s && sudo duplicati daemon service install", "only if nothing is refused"),
    ),
    statuses=(0, 64, 69, 74, 75, 76, 77, 78),
)
COLUMNS = (
    Column("subject", "CHECK", "id", 0, about="what was looked at"),
    Column("verdict", "VERDICT", "outcome", 0, about="ok, warning, refused, skipped or not-reached"),
    Column("code", "CODE", "text", 3, about="code of the error or warning"),
    Column("message", "MESSAGE", "text", 1, about="what was found"),
    Column("hint", "HINT", "text", 2, about="what to do next"),
    Column("status", "STATUS", "number", 4, about="exit status that it calls for"),
)


def perform(call: Call) -> int:
    """Look at everything, print it, and return the status of the first line that is refused."""
    from ..asking import make_printer  # noqa: PLC0415 - not for --help
    from .proofs import prove_all  # noqa: PLC0415

    if call.words:
        raise errors.UsageInvalid(f"what is {call.words[0]}?", hint=f"duplicati {VERB.usage}")
    path = find_config_file(call)
    seconds = _PATIENCE_SECONDS if call.value("timeout") is None else call.value("timeout")
    with call.console.showing(f"looking at what {neutralise(path)} names ..."):
        proofs = prove_all(path, call.process.environ, seconds)
    printer = make_printer(call)
    if printer.form in ("csv", "ids"):
        printer.print_listing(Listing("checks", COLUMNS, proofs))
    else:
        printer.print_page(_make_page(path, proofs))
    return next((proof.status for proof in proofs if proof.verdict == "refused"), exits.SUCCESS)


def _make_page(path: str, proofs: Sequence[Proof]) -> Page:
    refused = [proof for proof in proofs if proof.verdict == "refused"]
    warned = [proof for proof in proofs if proof.verdict == "warning"]
    verdict = "refused" if refused else "warning" if warned else "ok"
    fields = [
        Field(proof.subject, [proof.message, *([f"next: {proof.hint}"] if proof.hint else [])], mark=proof.verdict)
        for proof in proofs
    ]
    end = {
        "refused": Field("result", f"not ready: look at {_list(refused)}"),
        "warning": Field("result", f"ready, but look at {_list(warned)}"),
        "ok": Field("result", "ready"),
    }
    item = {"file": path, "verdict": verdict, "proofs": proofs}
    return Page("daemon-check", item, (Section("", fields), Section("", (end[verdict],))))


def _list(proofs: Sequence[Proof]) -> str:
    return ", ".join(proof.subject for proof in proofs)
