"""`doctor`: which layer on the way to a server refuses, and what to do about it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ... import errors
from ...http import SocketTransport
from ...operations.doctor import Case, Report, Step, examine
from .. import exits
from ..asking import Answer, are_many_meant, ask
from ..choosing import choose_targets
from ..connecting import read_connection
from ..context import find_by_url
from ..options import CHOOSING
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from ..reach import Asked
from ..text import neutralise
from ..verbs import Verb
from ..words import take_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...http import ConnectionSettings, Transport
    from ...route import Watch
    from ...sdk.client import Duplicati
    from ..call import Call
    from ..context import Target
    from ..reach import Reach
    from ..talk import Talk

VERB = Verb(
    "doctor",
    "doctor [URL] [options]",
    "Say which layer on the way to a server refuses, with evidence and what to do; nothing is changed or remembered.",
    (("URL", "any address; without it the current context, or those of --on and --all"),),
    examples=(
        ("duplicati doctor", "the current context, with its session"),
        ("duplicati doctor https://nas.lan:8200", "a server that nobody has logged in to"),
        ("duplicati doctor --all", "every server, and the first layer of each that refuses"),
        ("duplicati doctor --verbose --output json", "all the evidence, for a report"),
    ),
    statuses=(0, 69, 75, 76, 77, 78),
)

# Each column bears the name of the record's field.
SERVERS = (
    Column("url", "URL", "id", 5, about="address of the server"),
    Column("verdict", "VERDICT", "outcome", 0, about="ok, warning or refused"),
    Column("layer", "LAYER", "text", 0, about="the first layer that refuses, else the first with a warning"),
    Column("code", "CODE", is_shown=False, about="code of the error or warning"),
    Column("message", "MESSAGE", "text", 1, about="what was found"),
    Column("hint", "HINT", is_shown=False, about="what to do next"),
)
STEPS = (
    Column("layer", "LAYER", "id", 0, about="name, tcp, tls and so on, in the order of the way"),
    Column("verdict", "VERDICT", "outcome", 0, about="ok, warning, refused, skipped or not-reached"),
    Column("code", "CODE", about="code of the error or warning"),
    Column("message", "MESSAGE", "text", 0, about="what was found"),
    Column("hint", "HINT", "text", 1, about="what to do next"),
)
_LISTED = ("csv", "ids")
# Where a warning is about what was seen, and not only about what it says itself.
_TOLD_WITH_WARNINGS = ("tcp", "tls")


def perform(call: Call) -> int:
    """Examine every server that is meant."""
    targets = _choose(call)
    named = {target.label: target for target in targets}
    is_table = are_many_meant(call) and not call.words

    def work(reach: Reach, talk: Talk) -> Answer:
        target = named[talk.label] if talk.label is not None else targets[0]
        name = neutralise(target.label if target.place else target.url)
        with nullcontext() if is_table else call.console.showing(f"looking at {name} ..."):
            report = reach.do(lambda server: examine(_make_case(call, target, server)), Asked("doctor"))
        status = exits.SUCCESS if report.error is None else exits.status_of_error(report.error)
        if is_table:
            return Answer(_make_row(report), status)
        if talk.form in _LISTED:
            return Answer(_list_steps(report), status)
        return Answer(make_page(report, is_verbose=call.flag("verbose")), status)

    return ask(call, work, targets=targets)


def _choose(call: Call) -> list[Target]:
    if not call.words:
        try:
            return choose_targets(call)
        except errors.LoginMissing as exc:
            raise errors.LoginMissing(exc.message, hint="duplicati doctor URL") from exc
    url = take_one(call.words, "URL", VERB.usage)
    if any(option.field in call.given for option in CHOOSING):
        raise errors.UsageInvalid("give a URL, or --server, --context, --on or --all, but not both")
    return [find_by_url(call, url)]


def _make_case(call: Call, target: Target, server: Duplicati) -> Case:
    def connect(url: str, settings: ConnectionSettings, watch: Watch) -> Transport:
        if call.process.make_transport is not None:
            return call.process.make_transport(url, settings)
        trace = call.console.detail if call.console.is_verbose else None
        return SocketTransport(url, settings, trace=trace, watch=watch)

    connection = read_connection(call, target.context)
    return Case(server, connection, is_login_expected=target.context is not None, connect=connect)


def make_page(report: Report, *, is_verbose: bool) -> Page:
    """Return the page for one server."""
    refusal = report.refusal
    item = {
        "url": report.url,
        "verdict": report.verdict,
        "layer": refusal.layer if refusal else None,
        "code": refusal.code if refusal else None,
        "steps": [step._asdict() for step in report.steps],
    }
    reached = [step for step in report.steps if step.verdict != "not-reached"]
    fields = [_make_field(step, is_verbose=is_verbose) for step in reached]
    beyond = [step.layer for step in report.steps if step.verdict == "not-reached"]
    if beyond:
        fields.append(Field("rest", f"not reached: {', '.join(beyond)}", mark="not-reached"))
    sections = (Section("", (Field("server", report.url),)), Section("", fields), Section("", _conclude(report)))
    return Page("diagnosis", item, sections, refusal.layer if refusal else None)


def _make_field(step: Step, *, is_verbose: bool) -> Field:
    lines = [step.message]
    is_worth_a_look = step.verdict == "refused" or (step.verdict == "warning" and step.layer in _TOLD_WITH_WARNINGS)
    if is_verbose or is_worth_a_look:
        lines += _write_evidence(step.evidence)
    if step.hint and step.verdict != "refused":  # that is said at the end
        lines.append(f"next: {step.hint}")
    return Field(step.layer, lines, mark=step.verdict)


def _conclude(report: Report) -> list[Field]:
    refusal, warnings = report.refusal, report.warnings
    if refusal is not None:
        return [Field("refuses", f"{refusal.layer}: {refusal.message}"), Field("next", refusal.hint)]
    if warnings:
        names = ", ".join(step.layer for step in warnings)
        return [Field("works", f"but look at {names}")]
    skipped = any(step.layer == "login" and step.verdict == "skipped" for step in report.steps)
    return [Field("works", "as far as can be seen without a login" if skipped else "every layer lets us through")]


def _write_evidence(evidence: Mapping[str, Any]) -> Iterator[str]:
    """Write each fact on a line of its own; what is nested is put in a row."""
    for name, value in evidence.items():
        if value not in (None, "", [], {}):
            yield f"{name.replace('_', ' ')}: {_write_value(value)}"


def _write_value(value: Any) -> str:
    if isinstance(value, dict):
        told = {name.replace("_", " "): _write_value(item) for name, item in value.items() if item not in (None, "")}
        return ", ".join(f"{name}: {item}" for name, item in told.items())
    if isinstance(value, list):
        return "; ".join(map(_write_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d}" if hasattr(value, "isoformat") else str(value)


def _make_row(report: Report) -> Listing:
    step = report.refusal or next(iter(report.warnings), None)
    told = (step.layer, step.code, step.message, step.hint) if step else (None, None, None, None)
    return Listing("diagnoses", SERVERS, [(report.url, report.verdict, *told)])


def _list_steps(report: Report) -> Listing:
    rows = [(step.layer, step.verdict, step.code, step.message, step.hint) for step in report.steps]
    return Listing("steps", STEPS, rows)
