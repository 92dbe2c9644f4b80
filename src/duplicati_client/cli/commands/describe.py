"""`describe`: everything about a backup on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...operations.describe import BackupDescription, describe_backup
from ..asking import Answer, ask
from ..listings import list_runs
from ..output.pages import Field, Page, Section
from ..reach import Asked
from ..verbs import Verb
from ..words import drop_type, take_one

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "describe",
    "describe [backup] SELECTOR [options]",
    "Show everything about a backup on one screen, secrets hidden: state, schedule, sources, settings, last five runs.",
    (("SELECTOR", "id, exact name or pattern of one backup"),),
    examples=(("duplicati describe Documents", "by name"), ("duplicati describe 1 --output json", "for a program")),
    statuses=(0, 66, 69, 77),
)


def perform(call: Call) -> int:
    """Show it, from every server that is meant."""
    _, selectors = drop_type(call.words, ("backup",))
    selector = take_one(selectors, "backup", VERB.usage)
    asked = Asked("describe", (("backup", selector),))
    return ask(call, lambda reach, talk: Answer(make_page(reach.do(lambda s: describe_backup(s, selector), asked))))


def make_page(description: BackupDescription) -> Page:
    """Return the page; programs get the same facts and the definition."""
    summary = description.summary
    item = {**summary._asdict(), **description._asdict()}
    del item["summary"]
    item["schedule"] = _make_schedule_item(description)
    sections = (
        Section("", _head(description)),
        Section("Last run", _last_run(description)),
        Section("Schedule", _schedule(description)),
        Section("Data", _data(description)),
        Section("Settings", [Field(name, value) for name, value in description.settings.items()]),
        Section("Runs", (Field("note", description.runs_note),), list_runs(description.runs)),
    )
    return Page("description", item, sections, summary.backup_id)


def _make_schedule_item(description: BackupDescription) -> dict[str, object] | None:
    if description.schedule is None:
        return None
    item = description.schedule._asdict()
    item.pop("raw")
    return item


def _head(description: BackupDescription) -> tuple[Field, ...]:
    summary = description.summary
    return (
        Field("id", summary.backup_id),
        Field("name", summary.name),
        Field("about", description.description),
    )


def _last_run(description: BackupDescription) -> tuple[Field, ...]:
    summary = description.summary
    return (
        Field("outcome", summary.outcome, "outcome"),
        Field("why", summary.reason),
        Field("started", summary.last_started_at, "time"),
        Field("finished", summary.last_finished_at, "time"),
        Field("took", summary.duration_seconds, "seconds"),
    )


def _schedule(description: BackupDescription) -> tuple[Field, ...]:
    schedule = description.schedule
    if schedule is None:
        return (Field("runs", "only when asked"),)
    return (
        Field("every", schedule.repeat),
        Field("on", ", ".join(schedule.allowed_days)),
        Field("next run", description.summary.next_run_at or schedule.next_at, "time"),
    )


def _data(description: BackupDescription) -> tuple[Field, ...]:
    summary = description.summary
    return (
        Field("source", description.sources),
        Field("filter", description.filters),
        Field("source size", summary.source_bytes, "size"),
        Field("destination", description.destination),
        Field("stored", summary.destination_bytes, "size"),
        Field("versions", summary.versions_count, "number"),
    )
