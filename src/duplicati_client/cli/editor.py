"""Let a person change a text in their own editor: which one, a private file for it, and what became of it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .. import errors
from .options import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

_BYTES_MAX = 1_000_000
_FALLBACKS = ("sensible-editor", "vi", "nano") if os.name != "nt" else ("notepad",)
_HINT = "set VISUAL or EDITOR to the editor you use, such as EDITOR=nano"


class Workspace:
    """A text in a file that only this user can read, in a folder of its own that goes away unless it is kept."""

    def __init__(self, text: str, name: str, folder: str | None = None) -> None:
        """`folder` is where to make it, if not where temporary files usually are."""
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="duplicati-edit-", dir=folder)).absolute()
        except OSError as exc:
            raise errors.CannotCreate(f"no private folder can be made: {exc.strerror or exc}") from exc
        safe = "".join(character if character.isalnum() else "-" for character in name).strip("-")[:40]
        self.path = self._folder / f"{safe or 'backup'}.yaml"
        self._begun = text
        self.write(text)

    def write(self, text: str) -> None:
        """Put a text into the file."""
        try:
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(number, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as exc:
            raise errors.CannotCreate(f"{self.path} cannot be written: {exc.strerror or exc}") from exc

    def read(self) -> str:
        """Return the text as it is now; raises `InvalidValue` for what is no text."""
        return read_text(self.path)

    @property
    def is_touched(self) -> bool:
        """Whether the file holds anything else than it began with."""
        try:
            return self.path.read_bytes() != self._begun.encode()
        except OSError:
            return False

    @property
    def is_empty(self) -> bool:
        """Whether nothing but comments is left: the way out that people know from other programs."""
        return all(line.lstrip()[:1] in ("", "#") for line in self.read().splitlines())

    def remove(self) -> None:
        """Forget the text."""
        shutil.rmtree(self._folder, ignore_errors=True)


def read_text(path: Path) -> str:
    """Return a file's text without a byte order mark; raises `InvalidValue`, `InputOutputFailed`."""
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as exc:
        raise errors.InputOutputFailed(f"{path} cannot be read: {exc.strerror or exc}") from exc
    if len(data) > _BYTES_MAX:
        raise errors.InvalidValue(f"{path} is too long for a definition")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise errors.InvalidValue(f"line {line}: this is no UTF-8 text") from exc


def choose_editor(environ: Mapping[str, str], *, is_person_there: bool = True) -> list[str]:
    """Return the words of the editor's command: `VISUAL`, then `EDITOR`, then what is there for a person."""
    told = environ.get("VISUAL", "").strip() or environ.get("EDITOR", "").strip()
    if told:
        if os.path.isfile(told):  # a path with blanks in it
            return [told]
        try:
            return shlex.split(told, posix=os.name != "nt")
        except ValueError as exc:
            raise errors.ConfigurationInvalid(f"the editor “{told}” is no command: {exc}", hint=_HINT) from exc
    names = _FALLBACKS if is_person_there else ()
    found = next((path for name in names if (path := shutil.which(name, path=environ.get("PATH")))), None)
    if found is None:
        raise errors.ConfigurationInvalid("there is no editor", hint=_HINT)
    return [found]


def run_editor(command: list[str], path: Path, environ: Mapping[str, str], stdout: TextIO | None) -> None:
    """Run the editor to its end; Ctrl-C in the meantime is the editor's. Raises if it is missing or fails.

    It gets no secret of ours, and writes to `stdout` where ours is no terminal.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    program = shutil.which(command[0], path=environ.get("PATH")) or command[0]
    try:
        process = subprocess.Popen([program, *command[1:], str(path)], env=own, stdout=stdout)  # noqa: S603 - their editor
    except OSError as exc:
        message = f"the editor “{command[0]}” cannot be started: {exc.strerror or exc}"
        raise errors.ConfigurationInvalid(message, hint=_HINT) from exc
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if status != 0:
        how = f"status {status}" if status > 0 else f"signal {-status}"
        raise errors.InputOutputFailed(f"the editor “{command[0]}” failed ({how}); nothing was sent")
