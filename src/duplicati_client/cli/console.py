"""The terminal, or whatever stands in its place: answers to stdout, talk to stderr; decides nothing about content."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from .. import errors
from .output.table import Look
from .text import cut, neutralise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_HELD_COUNT = 50
_LINE_CHARACTERS = 1000  # a server may put a megabyte into its error


class ReaderGone(Exception):
    """Whoever read our output has closed it."""


class Console:
    """Writes answers, talk and errors; knows whether people or programs read them.

    `is_quiet` holds back talk, never errors; `is_verbose` lets details through.
    """

    def __init__(self, stdin: TextIO, stdout: TextIO, stderr: TextIO, environ: Mapping[str, str]) -> None:
        self.stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._environ = environ
        self.is_quiet = False
        self.is_verbose = False
        self.is_debugging = False
        self._colour = "auto"
        self._held: list[str] | None = None
        self._is_line_shown = False
        for stream in (stdout, stderr):
            _never_fail_to_encode(stream)

    def adjust(self, *, colour: str, is_quiet: bool, is_verbose: bool, is_debugging: bool) -> None:
        """Take over what the person said about talk and colour."""
        self._colour = colour
        self.is_quiet = is_quiet
        self.is_verbose = is_verbose or is_debugging
        self.is_debugging = is_debugging

    @property
    def is_stdout_terminal(self) -> bool:
        """Whether a person sees the answers at once."""
        return _is_terminal(self._stdout)

    @property
    def is_stderr_terminal(self) -> bool:
        """Whether a person sees the talk at once."""
        return _is_terminal(self._stderr)

    @property
    def is_stdin_terminal(self) -> bool:
        """Whether a person can be asked."""
        return _is_terminal(self.stdin)

    def can_draw(self) -> bool:
        """Say whether answers can be a picture that is drawn again and again."""
        return self.is_stdout_terminal and self._environ.get("TERM", "dumb") != "dumb"

    def screen_files(self) -> tuple[int, int | None, str]:
        """Return the descriptors to draw on and to read keys from, None for no keys, and the encoding."""
        keys = self.stdin.fileno() if self.is_stdin_terminal else None
        return self._stdout.fileno(), keys, self._stdout.encoding or "utf-8"

    def look(self) -> Look:
        """Say what stdout can show: its width only if it is a terminal or COLUMNS tells it."""
        from datetime import UTC, datetime  # noqa: PLC0415 - help shows no times

        ellipsis = "…" if _can_show(self._stdout) else "..."
        return Look(
            self._measure_width(), self._is_coloured(self._stdout), ellipsis, self.is_stdout_terminal, datetime.now(UTC)
        )

    def talk_width(self) -> int:
        """Return the columns a line of progress may take."""
        return self._measure_width() or 80

    def write(self, text: str) -> None:
        """Write an answer as it is; raises `ReaderGone`, or `InputOutputFailed` if it cannot be written."""
        try:
            self._stdout.write(text)
        except BrokenPipeError as exc:
            raise ReaderGone from exc
        except OSError as exc:
            raise errors.InputOutputFailed(f"cannot write the answer: {exc.strerror or exc}") from exc

    def flush(self) -> None:
        """Make sure that the answers have left; raises as `write` does."""
        try:
            self._stdout.flush()
        except BrokenPipeError as exc:
            raise ReaderGone from exc
        except OSError as exc:
            raise errors.InputOutputFailed(f"cannot write the answer: {exc.strerror or exc}") from exc

    def say(self, text: str) -> None:
        """Tell the person something, one line; silent with --quiet."""
        if not self.is_quiet:
            self._talk(_make_line(text) + "\n")

    def detail(self, text: str) -> None:
        """Tell something only wanted with --verbose."""
        if self.is_verbose:
            self._talk(_make_line(text) + "\n")

    def complain(self, message: str, hint: str | None = None) -> None:
        """Tell of an error, and what to do next."""
        self._talk(f"duplicati: {_make_line(message)}\n")
        if hint:
            self._talk(f"  {'' if '?' in hint else 'try: '}{_make_line(hint)}\n")

    def draw(self, text: str) -> None:
        """Write to stderr as it is."""
        self._talk(text)

    def show_line(self, text: str, ellipsis: str = "") -> None:
        """Show a harmless line on the terminal of talk until anything else is said, or shown in its place."""
        self._is_line_shown = True
        self._talk(cut(text, self.talk_width() - 1, ellipsis))
        self._is_line_shown = True

    def clear_line(self) -> None:
        """Take away what `show_line` shows; safe to repeat."""
        if self._is_line_shown:
            self._talk("")

    @contextmanager
    def showing(self, text: str) -> Iterator[None]:
        """Tell a person at a terminal what takes so long, while it does."""
        if self.is_stderr_terminal and not self.is_quiet:
            self.show_line(text, "...")
        try:
            yield
        finally:
            self.clear_line()

    @property
    def is_talk_coloured(self) -> bool:
        """Whether talk can have colours."""
        return self._is_coloured(self._stderr)

    def terminal_of_talk(self) -> TextIO | None:
        """Return the stream of talk if it is a terminal, for a program that needs one to draw on."""
        return self._stderr if self.is_stderr_terminal else None

    def ask_choice(self, question: str, letters: str, otherwise: str) -> str:
        """Ask at the terminal and return one of the letters; the end of stdin means `otherwise`."""
        while True:
            self._talk(question)
            line = self.stdin.readline()
            answer = line.strip().lower()[:1]
            if answer and answer in letters:
                return answer
            if not line:
                self._talk("\n")
                return otherwise

    def hold_talk(self) -> None:
        """Keep back what is said on a terminal until `release_talk`: it shows a picture now."""
        if self.is_stderr_terminal:
            self._held = []

    def release_talk(self) -> None:
        """Say what was kept back, the last of it if it was much; safe to repeat."""
        held, self._held = self._held, None
        for text in held or ():
            self._talk(text)

    def abandon_stdout(self) -> None:
        """Point stdout at nothing, so that leaving the program does not fail on it again."""
        try:
            number = self._stdout.fileno()
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        except (OSError, ValueError):
            return

    def _talk(self, text: str) -> None:
        if self._held is not None:
            self._held = [*self._held, text][-_HELD_COUNT:]
            return
        text = f"\r\x1b[K{text}" if self._is_line_shown else text
        self._is_line_shown = False
        try:
            self._stderr.write(text)
            self._stderr.flush()
        except OSError:
            return  # nobody is left to be told

    def _measure_width(self) -> int | None:
        told = self._environ.get("COLUMNS", "")
        if told.isdecimal() and int(told) > 0:
            return int(told)
        for stream in (self._stdout, self._stderr):
            if _is_terminal(stream):
                try:
                    return os.get_terminal_size(stream.fileno()).columns or None
                except (OSError, ValueError):
                    return 80
            if stream is self._stdout:
                break
        return None

    def _is_coloured(self, stream: TextIO) -> bool:
        if self._colour != "auto":
            return self._colour == "always"
        return _is_terminal(stream) and not self._environ.get("NO_COLOR") and self._environ.get("TERM") != "dumb"


def open_console(environ: Mapping[str, str]) -> Console:
    """Return the console of this process; a stream that was closed before the start stands for nothing."""
    return Console(
        sys.stdin or open(os.devnull, encoding="utf-8"),
        sys.stdout or open(os.devnull, encoding="utf-8"),  # not writable: an answer must not vanish in silence
        sys.stderr or open(os.devnull, "w", encoding="utf-8"),
        environ,
    )


def _make_line(text: str) -> str:
    """Return one short harmless line; what a server said may quote addresses with passwords in them."""
    if "://" in text:
        from ..operations.masking import hide_text  # noqa: PLC0415 - few lines hold an address

        text = hide_text(text)
    line = neutralise(text[:_LINE_CHARACTERS])
    is_whole = len(text) <= _LINE_CHARACTERS and len(line) <= _LINE_CHARACTERS
    return line if is_whole else f"{line[:_LINE_CHARACTERS]} ..."


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _never_fail_to_encode(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _can_show(stream: TextIO) -> bool:
    try:
        "…".encode(stream.encoding or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True
