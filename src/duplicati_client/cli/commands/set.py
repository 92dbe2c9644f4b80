"""`set`: changes fields of backups, or settings of the server, without an editor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ... import errors
from ...operations import edit
from ...operations import set as setting
from ...operations.assignments import Assignment, is_list, read_assignment, refuse_typed_secret
from ...operations.definition import is_field_name
from ...operations.edit import Edited
from ..asking import Answer, ask
from ..difference import draw_changes
from ..options import Option
from ..output.pages import StreamRecord
from ..reach import Here
from ..text import neutralise
from ..verbs import Verb
from ..words import take_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...operations.set import SettingsChanged
    from ..call import Call
    from ..reach import Reach
    from ..talk import Talk

VERB = Verb(
    "set",
    "set backup|setting [SELECTOR …] FIELD=VALUE … [options]",
    "Change fields of backups, or settings of the server; the fields are those of duplicati edit. All or nothing.",
    (
        ("backup SELECTOR", "backups by id, name or pattern; then what is to change"),
        ("settings", "settings of the server, by name; those of backups too, as default of all of them"),
        ("FIELD", "of a backup: name, description, destination, sources, filters, tags, settings.NAME"),
        ("schedule.FIELD", "of its schedule: repeat, next_at, allowed_days"),
        ("FIELD=VALUE", "give it this text; repeat it to give a list several; FIELD= takes a setting away"),
        ("FIELD+=VALUE", "one more of a list; FIELD-=VALUE one less"),
        ("FIELD-", "take it away: a setting, the whole schedule, all of a list"),
        ("FIELD=@FILE", "for secrets: the value is in a file; @- is stdin, or asks at a terminal; @@ is an @"),
    ),
    (
        Option("unset", "take this away; may be repeated", metavar="FIELD", is_repeatable=True, places="o"),
        Option("dry-run", "show what would change and send nothing", "flag", short="n", places="oe", scope="set"),
        Option("unchecked", "take settings and values that the server does not list", "flag", places="oe", scope="set"),
    ),
    (
        ("duplicati set backup Documents settings.keep-versions=7 schedule.repeat=1D", "two fields at once"),
        ("duplicati set backup 'photo*' filters+='-*.tmp' --dry-run", "what would change on several"),
        ("duplicati set backup Documents settings.passphrase=@-", "asks for the secret"),
        ("duplicati set settings max-upload-speed=1MB", "a setting of the server"),
    ),
    (0, 64, 65, 66, 69, 75, 77),
)
_CHARACTERS_MAX = 65536


def perform(call: Call) -> int:
    """Change what is named, on every server that is meant."""
    kind, words = take_type(call.words, ("backup", "setting"), VERB.usage)
    selectors, told = _part(words, kind)
    told += [Assignment(field, "-") for field in call.value("unset") or ()]
    if not told:
        raise errors.UsageInvalid("what is to change?", hint=f"duplicati {VERB.usage}")
    wanted = [_fetch(call, one) for one in told]
    for one in wanted:
        refuse_typed_secret(one if kind == "backup" else one._replace(field=f"settings.{one.field}"), frozenset())
    if kind == "setting":
        return ask(call, lambda reach, talk: _set_settings(call, reach, talk, wanted))
    return ask(call, lambda reach, talk: _set_backups(call, reach, talk, selectors, wanted))


def _part(words: Sequence[str], kind: str) -> tuple[list[str], list[Assignment]]:
    """Part the selectors from what is to change: the first word that says a change ends them."""
    first = 0 if kind == "setting" else 1
    if kind == "backup" and not words:
        raise errors.UsageInvalid("which backup?", hint=f"duplicati {VERB.usage}")
    begin = next((at for at in range(first, len(words)) if _read(words[at], kind) is not None), len(words))
    told = []
    for word in words[begin:]:
        assignment = _read(word, kind)
        if assignment is None:
            raise errors.UsageInvalid(f"{word} says no change", hint="FIELD=VALUE, or FIELD- to take it away")
        told.append(assignment)
    if kind == "setting" and begin:
        raise errors.UsageInvalid(f"{words[0]} says no change", hint="NAME=VALUE, or NAME- to take it away")
    return list(words[:begin]), told


def _read(word: str, kind: str) -> Assignment | None:
    assignment = read_assignment(word)
    is_field = kind == "setting" or assignment is None or assignment.deed != "-" or is_field_name(assignment.field)
    return assignment if is_field else None


def _fetch(call: Call, assignment: Assignment) -> Assignment:
    """Take the value from where the word says that it is; an address of a source may begin with @ itself."""
    field, value = assignment.field, assignment.value
    if not value.startswith("@") or is_list(field):
        return assignment
    if value.startswith("@@"):
        return assignment._replace(value=value[1:])
    if value != "@-":
        return assignment._replace(value=_read_file(value[1:]), is_typed=False)
    if call.console.is_stdin_terminal:
        return assignment._replace(value=call.process.ask_password(f"{field}: "), is_typed=False)
    return assignment._replace(value=call.stdin_line.rstrip("\r\n"), is_typed=False)


def _read_file(name: str) -> str:
    try:
        with open(os.path.expanduser(name), encoding="utf-8-sig") as file:
            text = file.read(_CHARACTERS_MAX + 1)
    except OSError as exc:
        raise errors.InputOutputFailed(f"{name} cannot be read: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise errors.InvalidValue(f"{name} is no UTF-8 text") from exc
    if len(text) > _CHARACTERS_MAX:
        raise errors.InvalidValue(f"{name} is too long for a value")
    return text.removesuffix("\n").removesuffix("\r")


def _set_backups(
    call: Call, reach: Reach, talk: Talk, selectors: Sequence[str], wanted: Sequence[Assignment]
) -> Answer:
    """Change them one by one, once all of them are known to be right."""
    if not isinstance(reach, Here):
        from ..distance.changing import set_backups  # noqa: PLC0415 - few have a task server

        for edited in set_backups(call, reach, selectors, wanted):
            _tell(call, talk, f"“{edited.name}” ({edited.backup_id})", edited, edited.backup_id)
        return Answer()
    server = reach.server
    plans = setting.plan_backups(server, selectors, wanted, is_unchecked=call.flag("unchecked"))
    for at, (draft, fields) in enumerate(plans):
        title = f"“{draft.name}” ({draft.backup_id})"
        if call.flag("dry_run"):
            edited = Edited(draft.backup_id, draft.name, False, edit.preview(draft, fields))
        else:
            try:
                edited = edit.send(server, draft, fields)
            except errors.DuplicatiClientError as exc:
                exc.message += f"; {at} of {len(plans)} backups were changed before" if at else ""
                exc.args = (exc.message,)
                raise
        _tell(call, talk, title, edited, edited.backup_id)
        if not edited.is_confirmed:
            talk.say(f"{title} could not be read again: duplicati get backup {draft.backup_id}")
    return Answer()


def _set_settings(call: Call, reach: Reach, talk: Talk, wanted: Sequence[Assignment]) -> Answer:
    if not isinstance(reach, Here):
        from ..distance.changing import set_settings  # noqa: PLC0415 - few have a task server

        _tell(call, talk, "settings", set_settings(call, reach, wanted))
        return Answer()
    server = reach.server
    plan = setting.plan_settings(server, wanted, is_unchecked=call.flag("unchecked"))
    is_dry = call.flag("dry_run")
    done = setting.SettingsChanged(False, plan.changes) if is_dry else setting.send_settings(server, plan)
    _tell(call, talk, "settings", done)
    return Answer()


def _tell(call: Call, talk: Talk, title: str, done: Edited | SettingsChanged, item_id: str | None = None) -> None:
    """Print what changed, or would; say where the server keeps something else than it was sent."""
    how = "would change" if call.flag("dry_run") else "changed"
    for change in done.adjusted:
        talk.say(f"{title}: the server keeps {change.field} as {change.after or 'empty'}, not as it was sent")
    if talk.form == "table" and done.changes:
        # In one piece: several servers may answer at once.
        head = neutralise(f"{talk.label}: {title} {how}:" if talk.label else f"{title} {how}:")
        talk.console.write(f"{head}\n{draw_changes(done.changes, is_coloured=talk.console.look().is_coloured)}")
        return
    event = how.replace(" ", "-") if done.changes else "unchanged"
    text = f"{title}: nothing to change"
    talk.print_record(StreamRecord(event, done._asdict(), text, item_id if done.changes else None))
