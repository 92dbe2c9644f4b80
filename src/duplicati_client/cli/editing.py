"""One person's work on a definition in their editor, until the server has answered; nothing they wrote is lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import errors
from ..operations import document, edit
from ..operations.changes import apply_changes, name_fields
from ..operations.masking import MASK, hide_text
from . import editor
from .difference import draw_changes
from .output.pages import StreamRecord
from .reach import Here

if TYPE_CHECKING:
    from ..operations.changes import Change
    from ..operations.definition import Fields
    from ..operations.edit import Draft, Edited
    from ..sdk.client import Duplicati
    from .call import Call
    from .distance.changing import DeskThere
    from .reach import Reach
    from .talk import Talk

_AT_ONCE_SECONDS = 1.0


def edit_backup(call: Call, reach: Reach, talk: Talk, selector: str) -> None:
    """Edit one, and keep the text whenever it holds something that the server does not."""
    desk = _open_desk(call, reach)
    draft = desk.open(selector)
    text = document.write_document(draft.fields, draft.options, _make_head(draft, desk.place))
    workspace = editor.Workspace(text, draft.name, call.process.environ.get("TMPDIR") or None)
    if call.value("from"):
        workspace.write(editor.read_text(Path(call.value("from"))))
    editing = _Editing(call, desk, talk, draft, workspace)
    try:
        edited = editing.finish()
    except (errors.DuplicatiClientError, KeyboardInterrupt) as exc:
        if workspace.is_touched:
            _tell_where(exc, talk, workspace, draft)
        else:
            workspace.remove()
        raise
    if edited is None:
        _say_kept(talk, workspace, draft)
        return
    workspace.remove()
    _report(talk, edited)


class _Desk:
    """Where definitions are read, checked and sent: a server that this program talks to itself."""

    def __init__(self, server: Duplicati, *, is_unchecked: bool) -> None:
        self.place = hide_text(server.url)
        self._server = server
        self._is_unchecked = is_unchecked

    def open(self, selector: str) -> Draft:
        """Read the definition of one backup."""
        return edit.open_draft(self._server, selector)

    def read_again(self, draft: Draft) -> Draft:
        """Read it as it is now."""
        return edit.read_draft(self._server, draft.backup_id)

    def check(self, draft: Draft, fields: Fields) -> None:
        """Raise `InvalidValue` for what cannot be right."""
        edit.check(draft, fields, is_unchecked=self._is_unchecked)

    def send(self, draft: Draft, fields: Fields) -> Edited:
        """Send what was changed; raises `ChangedMeanwhile` if somebody was faster."""
        return edit.send(self._server, draft, fields)


def _open_desk(call: Call, reach: Reach) -> _Desk | DeskThere:
    if isinstance(reach, Here):
        return _Desk(reach.server, is_unchecked=call.flag("unchecked"))
    from .distance.changing import DeskThere  # noqa: PLC0415 - few have a task server

    return DeskThere(call, reach)


def _make_head(draft: Draft, place: str) -> str:
    lines = [
        f"The backup “{draft.name}” ({draft.backup_id}) on {place}.",
        "Save and close to see what would change. Unchanged or empty, nothing happens.",
        f"{MASK} stands for a secret that the server keeps: leave it, or write a new one over it.",
    ]
    more = draft.raw["Backup"].get("AdditionalTargetURLs")
    if more:
        lines.append("More destinations are stored with it; they stay as they are.")
    return "\n".join(lines)


class _Editing:
    """One person's work on one definition, as often as they open it."""

    def __init__(
        self, call: Call, desk: _Desk | DeskThere, talk: Talk, draft: Draft, workspace: editor.Workspace
    ) -> None:
        self._call = call
        self._desk = desk
        self._talk = talk
        self._draft = draft
        self._workspace = workspace
        self._console = call.console

    def finish(self) -> Edited | None:
        """Return what became of it, or None if the person wants nothing to be sent now."""
        while True:
            try:
                began = time.monotonic()
                self._open()
                if self._workspace.is_empty:
                    return self._end_unchanged(_AT_ONCE_SECONDS)
                fields = self._read()
                changes = edit.preview(self._draft, fields)
                if not changes:
                    return self._end_unchanged(time.monotonic() - began)
                verdict = self._decide(changes)
                if verdict == "n":
                    return None
                if verdict == "y":
                    return self._desk.send(self._draft, fields)
            except errors.ChangedMeanwhile as exc:
                self._show_both(fields)
                exc.hint = "open it again: the text then holds both changes"
                self._want_another_try(exc)
            except (errors.InvalidValue, errors.ServerFailed, errors.Unreachable, errors.Busy) as exc:
                self._want_another_try(exc)

    def _open(self) -> None:
        environ = self._call.process.environ
        stdout = None if self._console.is_stdout_terminal else self._console.terminal_of_talk()
        command = editor.choose_editor(environ, is_person_there=self._console.is_stdin_terminal)
        editor.run_editor(command, self._workspace.path, environ, stdout)

    def _read(self) -> Fields:
        read = document.read_document(self._workspace.read())
        try:
            self._desk.check(self._draft, read.fields)
        except errors.InvalidValue as exc:
            line = read.find_line(exc.message)
            raise exc if line is None else errors.InvalidValue(f"line {line}: {exc.message}", hint=exc.hint) from exc
        return read.fields

    def _end_unchanged(self, seconds: float) -> Edited:
        if seconds < _AT_ONCE_SECONDS and self._console.is_stdin_terminal:
            self._talk.say(
                "the editor came back at once; one with windows may need an option to wait, as in code --wait"
            )
        return edit.Edited(self._draft.backup_id, self._draft.name, False, ())

    def _decide(self, changes: tuple[Change, ...]) -> str:
        self._show(f"“{self._draft.name}” ({self._draft.backup_id}) would change:", changes)
        if self._call.flag("yes"):
            return "y"
        return self._console.ask_choice("Send this? y sends, n does not, e opens it again [y/n/e]: ", "yne", "n")

    def _show(self, title: str, changes: tuple[Change, ...]) -> None:
        self._talk.say(title)
        if not self._console.is_quiet or self._console.is_stdin_terminal:
            self._console.draw(draw_changes(changes, is_coloured=self._console.is_talk_coloured))

    def _show_both(self, fields: Fields) -> None:
        """Show both people's changes, and go on from the server's copy with this person's changes on it."""
        mine = edit.preview(self._draft, fields)
        fresh = self._desk.read_again(self._draft)
        theirs = edit.preview(self._draft, fresh.fields)
        self._show("changed on the server meanwhile:", theirs)
        self._show("changed by you:", mine)
        merged = apply_changes(fresh.fields, self._draft.fields, fields)
        self._draft = fresh
        self._workspace.write(document.write_document(merged, fresh.options, _make_head(fresh, self._desk.place)))

    def _want_another_try(self, error: errors.DuplicatiClientError) -> None:
        """Ask whether to open the text again; raises the error if nobody can be asked, or wants to."""
        if not self._console.is_stdin_terminal:
            raise error
        self._talk.complain(error.message, error.hint)
        if self._console.ask_choice("Open it again? [y/n]: ", "yn", "n") == "n":
            raise errors.InputOutputFailed("nothing was sent") from error


def _tell_where(error: BaseException, talk: Talk, workspace: editor.Workspace, draft: Draft) -> None:
    """Add to an error where the text is."""
    if not isinstance(error, errors.DuplicatiClientError):
        _say_kept(talk, workspace, draft)
        return
    error.message += f"; your text is kept in {workspace.path}"
    error.args = (error.message,)
    if error.hint is None or isinstance(error, errors.ChangedMeanwhile):
        error.hint = f"duplicati edit {draft.backup_id} --from {workspace.path}"


def _say_kept(talk: Talk, workspace: editor.Workspace, draft: Draft) -> None:
    talk.complain(
        f"nothing was sent; your text is kept in {workspace.path}",
        f"duplicati edit {draft.backup_id} --from {workspace.path}",
    )


def _report(talk: Talk, edited: Edited) -> None:
    """Print what is true now, and say where the server keeps something else than it was sent."""
    if not edited.is_sent:
        talk.say("nothing was changed, nothing was sent")
    for change in edited.adjusted:
        talk.say(f"the server keeps {change.field} as {change.after or 'empty'}, not as {change.before or 'empty'}")
    if not edited.is_confirmed:
        talk.say(f"the server has taken it, but could not be read again: duplicati get backup {edited.backup_id}")
    text = f"“{edited.name}” ({edited.backup_id}) changed: {name_fields(edited.changes)}" if edited.is_sent else None
    event = "changed" if edited.is_sent else "unchanged"
    talk.print_record(StreamRecord(event, edited._asdict(), text, edited.backup_id if edited.is_sent else None))
