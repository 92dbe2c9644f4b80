"""Change single keys in a TOML text and leave every other character as its writer left it; touches no file.

Statements are found by asking the TOML reader how far each one goes: nothing inside quotes can be taken for one.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .. import errors

Path = tuple[str, ...]


class _Statement(NamedTuple):
    """Lines `start` to `end` (excluded): the heading of a table, or one key of the table it stands in."""

    start: int
    end: int
    is_heading: bool
    table: Path
    path: Path


def set_key(text: str, path: Path, value: Any) -> str:
    """Give a key a value (text, number, flag or list of texts); its table is made if there is none."""
    lines = _split(text)
    statements = _scan(lines)
    written = f"{write_key(path[-1])} = {write_value(value)}"
    existing = next((found for found in statements if not found.is_heading and found.path == path), None)
    if existing is not None:
        lines[existing.start : existing.end] = [_replace_value(lines[existing.start : existing.end], value)]
    else:
        _insert(lines, statements, path[:-1], written)
    return _check(text, lines, path, lambda data: _put(data, path, value))


def remove(text: str, path: Path) -> str:
    """Remove a key, or a table with all that is in it; comments stay. What is not there is removed already."""
    lines = _split(text)
    for found in reversed(_scan(lines)):
        if found.path[: len(path)] == path:
            del lines[found.start : found.end]
    return _check(text, lines, path, lambda data: _take(data, path))


def rename_table(text: str, path: Path, name: str) -> str:
    """Give a table another last name, in its headings; its keys, its place and every remark stay."""
    lines = _split(text)
    for found in _scan(lines):
        if found.is_heading and found.path[: len(path)] == path:
            renamed = (*path[:-1], name, *found.path[len(path) :])
            remark = _heading_remark(lines[found.start])
            lines[found.start] = f"[{'.'.join(map(write_key, renamed))}]{remark}"
    return _check(text, lines, path, lambda data: _put(data, (*path[:-1], name), _take(data, path)))


def find_line(text: str, path: Path) -> int | None:
    """Return the line, counted from 1, where a key's value is written; None if it is not there."""
    for found in _scan(_split(text)):
        if not found.is_heading and found.path == path[: len(found.path)]:
            return found.start + 1
    return None


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def _scan(lines: Sequence[str]) -> list[_Statement]:
    statements: list[_Statement] = []
    table: Path = ()
    start = 0
    while start < len(lines):
        end, parsed = _read_statement(lines, start)
        is_heading = lines[start].lstrip().startswith("[")
        if is_heading:
            table = _find_path(parsed)
            statements.append(_Statement(start, end, True, table, table))
        elif parsed:
            statements.append(_Statement(start, end, False, table, table + _find_path(parsed)))
        start = end
    return statements


def _read_statement(lines: Sequence[str], start: int) -> tuple[int, dict[str, Any]]:
    for end in range(start + 1, len(lines) + 1):
        try:
            return end, tomllib.loads("\n".join(lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue
    raise errors.ConfigurationInvalid(f"line {start + 1} cannot be read")


def _find_path(parsed: Mapping[str, Any]) -> Path:
    """Return the keys down to the first value, or to the empty table that a heading makes."""
    path: list[str] = []
    inner: Any = parsed
    while isinstance(inner, dict) and len(inner) == 1:
        path.append(next(iter(inner)))
        inner = inner[path[-1]]
    return tuple(path)


def _insert(lines: list[str], statements: Sequence[_Statement], table: Path, written: str) -> None:
    members = [found.end for found in statements if found.table == table]
    if members:
        lines.insert(members[-1], written)
    elif table:
        heading = ".".join(map(write_key, table))
        lines += [*([""] if lines and lines[-1].strip() else []), f"[{heading}]", written]
    else:
        at = next((found.start for found in statements if found.is_heading), len(lines))
        while at > 0 and lines[at - 1].lstrip().startswith("#"):  # remarks right above a heading belong to it
            at -= 1
        lines[at:at] = [written, ""] if at < len(lines) else [written]


def _replace_value(old: Sequence[str], value: Any) -> str:
    text = "\n".join(old)
    key = _key_of(text)
    comment = _comment_of(text)
    return f"{key} = {write_value(value)}{'  ' + comment if comment else ''}"


def _heading_remark(line: str) -> str:
    """Return what stands behind a heading, which may hold brackets itself."""
    for at, character in enumerate(line):
        if character == "]" and _means(line[: at + 1], tomllib.loads(line)):
            return line[at + 1 :]
    return ""


def _key_of(statement: str) -> str:
    """Return what stands before the equals sign that ends the key (a quoted key may hold more of them)."""
    at = statement.index("=")
    while True:
        try:
            tomllib.loads(statement[:at] + "= 0")
        except tomllib.TOMLDecodeError:
            at = statement.index("=", at + 1)
            continue
        return statement[:at].rstrip()


def _comment_of(statement: str) -> str:
    """Return the remark behind a value of one line."""
    parsed = tomllib.loads(statement)
    for at, character in enumerate(statement):
        if character == "#" and "\n" not in statement and _means(statement[:at], parsed):
            return statement[at:]
    return ""


def _means(statement: str, parsed: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(statement) == parsed
    except tomllib.TOMLDecodeError:
        return False


def write_key(key: str) -> str:
    """Write one part of a key, in quotes where it needs them."""
    is_bare = key != "" and key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else _write_text(key)


def write_value(value: Any) -> str:
    """Write a text, number, flag or list of texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return _write_text(value)
    return "[" + ", ".join(_write_text(str(item)) for item in value) + "]"


def _write_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for key in path[:-1]:
        data = data.setdefault(key, {})
    data[path[-1]] = list(value) if isinstance(value, (list, tuple)) else value


def _take(data: dict[str, Any], path: Path) -> Any:
    for key in path[:-1]:
        data = data.get(key, {})
    return data.pop(path[-1], None)


def _check(before: str, lines: Sequence[str], path: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Return the new text once it is proved to differ from the old in this change; else refuse."""
    text = "".join(f"{line}\n" for line in lines)
    wanted = tomllib.loads(before)
    try:
        change(wanted)
        is_right = _without_empty(tomllib.loads(text)) == _without_empty(wanted)
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):  # or a value stands where a table should
        is_right = False
    if not is_right:
        raise errors.ConfigurationInvalid(
            f"{'.'.join(path)} is written in a way that this program does not change", hint="edit the file by hand"
        )
    return text


def _without_empty(data: Mapping[str, Any]) -> dict[str, Any]:
    cleaned = {key: _without_empty(item) if isinstance(item, dict) else item for key, item in data.items()}
    return {key: item for key, item in cleaned.items() if item != {}}
