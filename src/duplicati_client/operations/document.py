"""A definition as a YAML text that explains itself, and back; pure, the words come from the tables of the fields.

Every value is the text that stands there: `7`, `true` and `1D` are not turned into numbers or times.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from .. import errors
from . import definition
from .definition import FIELDS, LISTS, SCHEDULE, SCHEDULE_FIELDS, SETTINGS
from .masking import MASK, is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..sdk.options import KnownOption
    from .definition import Fields, Value

_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_WIDTH = 88
_NO_SCHEDULE = """It runs only when asked. To let it run by itself, take the marks away:
schedule:
  repeat: 1D
  next_at: 2027-01-31T03:00:00Z"""


class Document(NamedTuple):
    """What stands in a text, and on which line each field does."""

    fields: Fields
    lines: Mapping[str, int]

    def find_line(self, message: str) -> int | None:
        """Return the line of the field that a message is about, by the name at its beginning or in quotes."""
        for name, line in self.lines.items():
            bare = name.removeprefix(f"{SETTINGS}.")
            if message.startswith((f"{name}:", f"{name} ", f"{bare}:")) or message.endswith(f"setting “{bare}”"):
                return line
        return None


# --- fields to text -------------------------------------------------------------------------------------


def write_document(fields: Fields, options: Mapping[str, KnownOption], head: str = "") -> str:
    """Return the text; `head` is what a person should know first."""
    parts = [_comment(head)] if head else []
    for kind in FIELDS:
        parts.append(_comment(kind.about) + _dump({kind.name: _as_yaml(fields[kind.name])}))
    parts.append(_write_settings(fields, options))
    parts.append(_write_schedule(fields))
    return "\n".join(parts)


def _write_settings(fields: Fields, options: Mapping[str, KnownOption]) -> str:
    names = [name for name in fields if name.startswith(f"{SETTINGS}.")]
    about = "Settings by name, without dashes; take a line away to go back to what the server does without it."
    text = _comment(about) + (f"{SETTINGS}:\n" if names else f"{SETTINGS}: {{}}\n")
    for name in names:
        key = name.partition(".")[2]
        option = options.get(key.lstrip("-").lower())
        told = _comment(explain_option(option)) if option is not None else ""
        text += textwrap.indent(told + _dump({key: _as_yaml(fields[name])}), "  ", lambda line: True)
    return text


def explain_option(option: KnownOption) -> str:
    """Return what the server says of an option, in one line."""
    kinds = {"": "", "String": "", "Password": "secret", "Enumeration": "one of " + ", ".join(option.values[:12])}
    kind = kinds.get(option.kind, option.kind.lower())
    default = f"usually {option.default}" if option.default else ""
    more = "; ".join(part for part in (kind, default, "no longer wanted" if option.is_deprecated else "") if part)
    return option.about.rstrip(". ") + (f" ({more})" if more else "")


def _write_schedule(fields: Fields) -> str:
    if not any(name.startswith(f"{SCHEDULE}.") for name in fields):
        return "".join(f"# {line}\n" for line in _NO_SCHEDULE.splitlines())
    text = f"{SCHEDULE}:\n"
    for kind in SCHEDULE_FIELDS:
        value = fields.get(f"{SCHEDULE}.{kind.name}", ())
        text += textwrap.indent(_comment(kind.about) + _dump({kind.name: _as_yaml(value)}), "  ")
    return _comment(describe_schedule(fields)) + text


def describe_schedule(fields: Fields) -> str:
    """Say in words when a backup runs."""
    days = fields.get(f"{SCHEDULE}.allowed_days", ())
    on = f", on {', '.join(days)} only" if isinstance(days, tuple) and 0 < len(days) < len(definition.DAYS) else ""
    return f"Runs by itself every {fields.get(f'{SCHEDULE}.repeat')}{on}; times in UTC end with Z."


def _as_yaml(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _comment(text: str) -> str:
    """Return a text as comment lines; what a server wrote cannot end them."""
    lines = []
    for line in text.splitlines():
        harmless = "".join(character if character.isprintable() else " " for character in line)
        lines += textwrap.wrap(harmless, _WIDTH - 2, break_long_words=False, break_on_hyphens=False) or [""]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _dump(item: Mapping[str, Any]) -> str:
    # What cannot be seen, such as a mark that turns the reading direction, is written as an escape.
    values = [text for value in item.values() for text in (value if isinstance(value, list) else [value])]
    is_plain = all(text.replace("\n", "").isprintable() for text in (*item, *values))
    return str(yaml.dump(item, Dumper=_Dumper, allow_unicode=is_plain, sort_keys=False, width=4096, default_flow_style=False))  # fmt: skip  # noqa: E501


class _Dumper(yaml.SafeDumper):
    """Leaves numbers and truths without quotes: they are texts here. Lists stand below their name, indented."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as the base class has it

    def increase_indent(self, flow: bool = False, *_: bool, **__: bool) -> None:
        super().increase_indent(flow, indentless=False)


class _Loader(yaml.SafeLoader):
    """Knows texts and nothing."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as the base class has it


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # A block that ends with empty lines would be followed by an end mark, which belongs nowhere inside a text.
    is_block = "\n" in text and text.strip("\n") and not text.endswith("\n\n")
    return dumper.represent_scalar(_TEXT, text, style="|" if is_block else '"' if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
for _class in (_Dumper, _Loader):
    _class.add_implicit_resolver(_NULL, yaml.SafeLoader.yaml_implicit_resolvers["~"][0][1], ["~", "n", "N", ""])


# --- text to fields -------------------------------------------------------------------------------------


def read_document(text: str) -> Document:
    """Read a text; raises `InvalidValue` with line and column for what is no YAML, no field, or not the right form."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "the text"
        raise errors.InvalidValue(f"{where}: this is no YAML: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, RecursionError) as exc:
        raise errors.InvalidValue(f"this is no YAML: {str(exc).partition(chr(10))[0]}") from exc
    if not isinstance(root, yaml.MappingNode):
        raise errors.InvalidValue("this is no definition: it should begin with “name: …”")
    reader = _Reader()
    reader.read(root)
    return Document(reader.fields, reader.lines)


class _Reader:
    """Walks what YAML found, which knows where everything stands, and fills in the fields."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self.lines: dict[str, int] = {}

    def read(self, root: yaml.MappingNode) -> None:
        """Take all fields of a definition; those that may be missing are empty then."""
        for key, node in _pairs(root):
            name = str(key.value)
            if name in (SETTINGS, SCHEDULE):
                self._read_group(name, node)
            else:
                self._take(name, key, node)
        for kind in FIELDS:
            if kind.is_required and kind.name not in self.fields:
                raise errors.InvalidValue(f"{kind.name} is missing", hint=kind.about)
            self.fields.setdefault(kind.name, () if kind.is_list else "")
        if any(name.startswith(f"{SCHEDULE}.") for name in self.fields):
            self.fields.setdefault(f"{SCHEDULE}.allowed_days", ())

    def _read_group(self, group: str, node: yaml.Node) -> None:
        if _is_null(node):
            return
        if not isinstance(node, yaml.MappingNode):
            raise _wrong(
                node, f"{group} holds names and values", f"{group}:, and below it lines such as “  name: value”"
            )
        for key, value in _pairs(node):
            self._take(f"{group}.{key.value}", key, value)

    def _take(self, name: str, key: yaml.Node, node: yaml.Node) -> None:
        line = key.start_mark.line + 1
        try:
            definition.check_name(name)
            value = _read_list(node, name) if name in LISTS else _read_text(node, name)
            self.fields[name] = definition.read_value(name, value)
        except errors.InvalidValue as exc:
            raise exc if exc.message.startswith("line ") else _at(line, exc) from exc
        self.lines[name] = line


def _pairs(node: yaml.MappingNode) -> Iterable[tuple[yaml.ScalarNode, yaml.Node]]:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _wrong(key, "a name is missing here", "each line is “name: value”")
        if key.value in seen:
            raise _wrong(key, f"“{key.value}” stands here a second time", "keep one of the two")
        seen.add(key.value)
        yield key, value


def _read_list(node: yaml.Node, name: str) -> tuple[str, ...]:
    if _is_null(node):
        return ()
    if isinstance(node, yaml.ScalarNode):
        return (_read_text(node, name),)
    if not isinstance(node, yaml.SequenceNode):
        raise _wrong(node, f"{name} is a list", "below it a line for each, beginning with “- ”")
    return tuple(_read_text(item, name) for item in node.value)


def _read_text(node: yaml.Node, name: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _wrong(node, f"{name} is one text here, not several", "put quotes around what begins with [ or {")
    text = "" if _is_null(node) else str(node.value)
    return MASK if is_placeholder(text) and name.startswith(f"{SETTINGS}.") else text


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == _NULL)


def _wrong(node: yaml.Node, what: str, hint: str) -> errors.InvalidValue:
    mark = node.start_mark
    return errors.InvalidValue(f"line {mark.line + 1}, column {mark.column + 1}: {what}", hint=hint)


def _at(line: int, error: errors.InvalidValue) -> errors.InvalidValue:
    return errors.InvalidValue(f"line {line}: {error.message}", hint=error.hint)
