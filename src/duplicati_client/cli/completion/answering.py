"""What each shell sends and what it wants back: the completion scripts' other half."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import errors
from .lines import Line, quote_for_bash, quote_for_powershell, read_line, read_token
from .suggesting import FILES, Suggestions, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..call import Call, Process
    from .cache import Name


def answer(shell: str, sent: Sequence[str], process: Process, find_names: Callable[[Call, str], list[Name]]) -> str:
    """Return what the script of this shell is to get for what it sent."""
    line = _read(shell, sent)
    found = FILES if line.is_redirected else suggest(process, line.words, line.current, find_names)
    return _WRITERS[shell](found, line)


def _read(shell: str, sent: Sequence[str]) -> Line:
    if shell == "bash" and len(sent) == 2:
        line = read_line(sent[1], breaks=sent[0])
        return line._replace(words=line.words[1:])
    if shell == "powershell" and len(sent) == 1:
        sent = _decode(sent[0])
    if shell not in _WRITERS or shell == "bash" or not sent:
        raise errors.UsageInvalid("this is for the completion scripts", hint="duplicati completion --help")
    current = sent[-1] if shell == "zsh" else read_token(shell, sent[-1])
    return Line(tuple(sent[:-1]), current)


def _decode(text: str) -> list[str]:
    import binascii  # noqa: PLC0415 - PowerShell's alone

    try:
        return binascii.a2b_base64(text).decode("utf-8", "replace").split("\0")[1:]
    except ValueError as exc:
        raise errors.UsageInvalid("this is not what the completion script sends") from exc


def _write_bash(found: Suggestions, line: Line) -> str:
    rest = [candidate.value[len(line.kept) :] for candidate in found.candidates]
    return "".join(f"{text}\n" for text in (found.mode, *(quote_for_bash(word, line.quote) for word in rest)))


def _write_tabbed(found: Suggestions, _: Line) -> str:
    lines = [f"{value}\t{about}" if about else value for value, about in found.candidates]
    return "".join(f"{text}\n" for text in (found.mode, *lines))


def _write_powershell(found: Suggestions, _: Line) -> str:
    import json  # noqa: PLC0415 - PowerShell's alone

    # In ASCII, because Windows reads a program's output in a code page of its own.
    return json.dumps(
        [
            {"text": quote_for_powershell(value), "shown": value, "about": about or value}
            for value, about in found.candidates
        ]
    )


_WRITERS = {"bash": _write_bash, "zsh": _write_tabbed, "fish": _write_tabbed, "powershell": _write_powershell}
