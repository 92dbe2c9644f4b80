"""Make text from outside safe to show on a terminal, and measure and cut it by the columns it takes there."""

from __future__ import annotations

from collections.abc import Callable

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JOINERS = "\u200c\u200d"  # part of ordinary words in Persian and Indic scripts, and of emoji
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class _Shown(dict[int, int | str]):
    """How characters are shown, each found out once: a hostile text may hold a million of them."""

    def __init__(self, escape: Callable[[str], str], kept: str = "") -> None:
        super().__init__({ord(character): ord(character) for character in kept})
        self._escape = escape

    def __missing__(self, number: int) -> int | str:
        character = chr(number)
        self[number] = shown = number if _is_safe(character) else self._escape(character)
        return shown


class _Widths(dict[str, int]):
    """How many columns characters take, each found out once."""

    def __missing__(self, character: str) -> int:
        self[character] = width = _measure_character(character)
        return width


def neutralise(text: str) -> str:
    """Show every control character, line break, bidirectional mark and half character as a visible escape.

    The result is one line that cannot move the cursor, change colours or turn the reading direction. Text that is
    already harmless comes back unchanged, so it is safe to repeat.
    """
    if text.isprintable():
        return text
    return text.translate(_SHOWN)


def neutralise_lines(text: str) -> str:
    """Neutralise a text of several lines, keeping its line breaks."""
    return "\n".join(neutralise(line) for line in text.replace("\r\n", "\n").split("\n"))


def escape_for_json(document: str) -> str:
    """Write unsafe characters as JSON escapes; outside quoted strings a JSON document has only its line breaks."""
    if document.isascii() or document.replace("\n", "").isprintable():
        return document
    return document.translate(_SHOWN_IN_JSON)


def escape_for_yaml(document: str) -> str:
    """Write unsafe characters as YAML escapes; the writer must have put each text that holds one into quotes."""
    if document.isascii() or document.replace("\n", "").isprintable():
        return document
    return document.translate(_SHOWN_IN_YAML)


def is_harmless(text: str) -> bool:
    """Say whether a text can be shown as it is."""
    return text.isprintable() or text.translate(_SHOWN) == text


def measure(text: str) -> int:
    """Count the terminal columns a neutralised text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_WIDTHS.__getitem__, text))


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """Shorten a neutralised text to at most `width` columns, ending in the ellipsis if anything was lost."""
    if measure(text) <= width:
        return text
    room = width - len(ellipsis)
    if room < 0:
        return ellipsis[:width]
    kept = []
    for character in text:
        room -= _WIDTHS[character]
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + ellipsis


def wrap(text: str, width: int) -> list[str]:
    """Break a neutralised text between words into lines of at most `width` columns; longer words are broken too."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and measure(lines[-1]) + 1 + measure(word) <= width:
            lines[-1] += f" {word}"
            continue
        if lines[-1]:
            lines.append("")
        lines[-1:] = _break(word, width)
    return lines


def pad(text: str, width: int, *, is_right: bool = False) -> str:
    """Fill a neutralised text with spaces to `width` columns; longer text stays as it is."""
    blanks = " " * (width - measure(text))
    return blanks + text if is_right else text + blanks


def _break(word: str, width: int) -> list[str]:
    pieces = []
    start, room = 0, width
    for index, character in enumerate(word):
        columns = _WIDTHS[character]
        if columns > room and index > start:
            pieces.append(word[start:index])
            start, room = index, width
        room -= columns
    return [*pieces, word[start:]]


def _is_safe(character: str) -> bool:
    from unicodedata import category  # noqa: PLC0415 - only strange text needs it

    return character.isprintable() or character in _JOINERS or category(character) not in _UNSAFE_CATEGORIES


def _escape(character: str) -> str:
    named = _NAMED.get(character)
    if named is not None:
        return named
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _escape_for_json(character: str) -> str:
    number = ord(character)
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def _measure_character(character: str) -> int:
    if character.isascii():
        return 1
    from unicodedata import category, east_asian_width  # noqa: PLC0415 - only text beyond ASCII needs it

    if category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(character) in {"W", "F"} else 1


_SHOWN = _Shown(_escape)
_SHOWN_IN_JSON = _Shown(_escape_for_json, "\n")
_SHOWN_IN_YAML = _Shown(_escape, "\n")
_WIDTHS = _Widths()
