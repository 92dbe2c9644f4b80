"""Read what is typed as a shell reads it, expanding nothing, and write words so that the shell takes them as they are.

Only bash and PowerShell get words quoted from here; zsh and fish quote what they insert themselves.
"""

from __future__ import annotations

from typing import NamedTuple

_BLANKS = " \t\n"
_REDIRECTIONS = "<>"
_SEPARATORS = ";&|()"
_ESCAPED_IN_DOUBLE_QUOTES = '"$`\\'  # before any other character a backslash stands for itself there
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_PLAIN_IN_BASH = frozenset(_LETTERS + "_./-+,=:@%")
_PLAIN_IN_POWERSHELL = frozenset(_LETTERS + "_./-+=:")
_SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"  # PowerShell takes each of them for one


class Line(NamedTuple):
    """A line up to the cursor, in clear: the whole words, and the last one as far as it is typed.

    Of the last word the shell leaves `kept` in the line; what replaces the rest is written inside `quote`, the
    quotation mark that is still open, if one is. `is_redirected` says that the word names a file to redirect to.
    """

    words: tuple[str, ...]
    current: str
    kept: str = ""
    quote: str = ""
    is_redirected: bool = False


def read_line(text: str, breaks: str = "") -> Line:
    """Read a line as bash does; `breaks` is its COMP_WORDBREAKS, behind each of which it begins what it completes."""
    reader = _Reader(breaks)
    for character in text:
        reader.feed(character)
    return Line(tuple(reader.words), reader.text, reader.kept, reader.quote, reader.is_redirected)


def read_token(shell: str, text: str) -> str:
    """Return in clear the word that fish or PowerShell hands over as it is typed, with marks not yet closed."""
    if shell != "powershell":
        return read_line(text).current
    mark, rest = text[:1], text[1:]
    if mark and mark in _SINGLE_QUOTES:
        return rest.removesuffix("'").replace("''", "'")
    if mark == '"':
        text = rest.removesuffix('"').replace('""', '"')
    return text.replace("`", "")


def quote_for_bash(word: str, quote: str = "") -> str:
    """Write a word of printable characters for bash, inside an open quotation mark if there is one."""
    if quote == "'":
        return word.replace("'", "'\\''")
    if quote == '"':
        # An exclamation mark recalls an earlier command even there, and a backslash before it would stay.
        return "".join('"\\!"' if c == "!" else f"\\{c}" if c in _ESCAPED_IN_DOUBLE_QUOTES else c for c in word)
    return "".join(c if c in _PLAIN_IN_BASH or not c.isascii() else f"\\{c}" for c in word) or "''"


def quote_for_powershell(word: str) -> str:
    """Write a word for PowerShell, where a comma outside quotes would make several of it."""
    if word and all(c in _PLAIN_IN_POWERSHELL for c in word):
        return word
    return "'" + "".join(c + c if c in _SINGLE_QUOTES else c for c in word) + "'"


class _Reader:
    """Takes in a line character by character; holds the word being read."""

    def __init__(self, breaks: str) -> None:
        self.words: list[str] = []
        self.text = ""
        self.kept = ""
        self.quote = ""
        self.is_redirected = False
        self._breaks = breaks
        self._is_word = self._is_escaped = False
        self._kept_before_quote = ""

    def feed(self, character: str) -> None:
        """Take in the next character."""
        if self._is_escaped:
            self._is_escaped = False
            is_kept = self.quote == '"' and character not in _ESCAPED_IN_DOUBLE_QUOTES
            self._add(f"\\{character}" if is_kept else character)
        elif character == "\\" and self.quote != "'":
            self._is_escaped = self._is_word = True
        elif self.quote:
            self._feed_quoted(character)
        elif character in "'\"":
            self.quote, self._is_word = character, True
            self._kept_before_quote, self.kept = self.kept, self.text
        else:
            self._feed_plain(character)

    def _feed_quoted(self, character: str) -> None:
        if character == self.quote:
            self.quote, self.kept = "", self._kept_before_quote
        else:
            self._add(character)

    def _feed_plain(self, character: str) -> None:
        if character in _BLANKS:
            self._end()
        elif character in _REDIRECTIONS:
            if self.text.isdecimal():  # the number of what is redirected
                self.text, self._is_word = "", False
            self._end()
            self.is_redirected = True
        elif character in _SEPARATORS:
            self._end()
            self.is_redirected = False
            self.words.clear()
        else:
            self._add(character)
            if character in self._breaks:
                self.kept = self.text

    def _add(self, text: str) -> None:
        self.text += text
        self._is_word = True

    def _end(self) -> None:
        if self._is_word and not self.is_redirected:
            self.words.append(self.text)
        if self._is_word:
            self.is_redirected = False
        self.text = self.kept = ""
        self._is_word = False
