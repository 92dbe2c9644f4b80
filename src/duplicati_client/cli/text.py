"""Make text from outside safe to show on a terminal, and measure and cut it by the columns it takes there."""

from __future__ import annotations

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_JOINERS = "\u200c\u200d"  # part of ordinary words in Persian and Indic scripts, and of emoji
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def neutralise(text: str) -> str:
    """Show every control character, line break, bidirectional mark and half character as a visible escape.

    The result is one line that cannot move the cursor, change colours or turn the reading direction. Text that is
    already harmless comes back unchanged, so it is safe to repeat.
    """
    if text.isprintable():
        return text
    return "".join(c if _is_safe(c) else _escape(c) for c in text)


def neutralise_lines(text: str) -> str:
    """Neutralise a text of several lines, keeping its line breaks."""
    return "\n".join(neutralise(line) for line in text.replace("\r\n", "\n").split("\n"))


def escape_for_json(document: str) -> str:
    """Write unsafe characters as JSON escapes; outside quoted strings a JSON document has only its line breaks."""
    if document.isascii() or document.replace("\n", "").isprintable():
        return document
    return "".join(c if c == "\n" or _is_safe(c) else _escape_for_json(c) for c in document)


def escape_for_yaml(document: str) -> str:
    """Write unsafe characters as YAML escapes; the writer must have put each text that holds one into quotes."""
    if document.isascii() or document.replace("\n", "").isprintable():
        return document
    return "".join(c if c == "\n" or _is_safe(c) else _escape(c) for c in document)


def is_harmless(text: str) -> bool:
    """Say whether a text can be shown as it is."""
    return text.isprintable() or all(_is_safe(character) for character in text)


def measure(text: str) -> int:
    """Count the terminal columns a neutralised text takes."""
    if text.isascii():
        return len(text)
    return sum(_measure_character(character) for character in text)


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """Shorten a neutralised text to at most `width` columns, ending in the ellipsis if anything was lost."""
    if measure(text) <= width:
        return text
    room = width - len(ellipsis)
    if room < 0:
        return ellipsis[:width]
    kept = []
    for character in text:
        room -= _measure_character(character)
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
    while measure(word) > width:
        head = cut(word, width, "") or word[0]
        pieces.append(head)
        word = word[len(head) :]
    return [*pieces, word]


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
