"""`config`: shows and changes the configuration, and explains where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ... import errors
from ...operations.masking import MASK, hide_url
from ..asking import make_printer
from ..options import CONFIG, GLOBAL, Option, read_value
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from ..verbs import VERBS, Verb, suggest
from ..words import take_one

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "config",
    "config [get KEY | set KEY VALUE | unset KEY | use CONTEXT | explain [KEY]]",
    "Show and change the configuration file; comments and everything else in it stay as they are.",
    (
        ("(nothing)", "show the file, its contexts and settings"),
        ("get KEY", "print one value of the file"),
        ("set KEY VALUE …", "change one; with --context NAME one of that context"),
        ("unset KEY", "remove one"),
        ("use CONTEXT", "make a context the current one"),
        (
            "explain [KEY]",
            "which value counts, and whether it comes from option, environment, context, file or default",
        ),
    ),
    examples=(
        ("duplicati config set output json", "a default for every command"),
        ("duplicati config set ca_file /etc/ssl/own.pem --context nas", "for one server"),
        ("duplicati config set groups.office nas attic", "a group for --on office"),
        ("duplicati config explain pin", "why this value?"),
    ),
    statuses=(0, 65, 66, 73, 78),
)
_EXPLAINED = (
    Column("name", "OPTION", "id", 0),
    Column("value", "VALUE", "text", 0),
    Column("origin", "FROM", "text", 0),
    Column("variable", "VARIABLE", "text", 2, is_shown=False),
    Column("key", "KEY", "text", 3, is_shown=False),
)


def perform(call: Call) -> int:
    """Do what the first word says."""
    deed, words = (call.words[0], call.words[1:]) if call.words else ("print", ())
    deeds = {"print": _print, "get": _get, "set": _set, "unset": _unset, "use": _use, "explain": _explain}
    if deed not in deeds:
        near = suggest(deed, list(deeds))
        raise errors.UsageInvalid(
            f"config cannot {deed}", hint=f"duplicati config {near}" if near else "duplicati config --help"
        )
    deeds[deed](call, list(words))
    return 0


def _print(call: Call, words: list[str]) -> None:
    if words:
        raise errors.UsageInvalid("config shows the whole file", hint=f"duplicati config get {words[0]}")
    data = _hide(call.configuration.data)
    plain = [Field(name, value) for name, value in data.items() if not isinstance(value, dict)]
    sections = [Section("", [Field("file", call.configuration.path or "there is no place for one"), *plain])]
    for name, context in data.get("contexts", {}).items():
        sections.append(Section(f"Context {name}", [Field(key, value) for key, value in context.items()]))
    if data.get("groups"):
        groups = [Field(name, ", ".join(names)) for name, names in data["groups"].items()]
        sections.append(Section("Groups", groups))
    make_printer(call).print_page(Page("configuration", {"path": call.configuration.path, **data}, sections))


def _get(call: Call, words: list[str]) -> None:
    path = _read_path(call, take_one(words, "key", VERB.usage))
    found: Any = call.configuration.data
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        raise errors.NotFound(f"{'.'.join(path)} is not set", hint=f"duplicati config explain {path[-1]}")
    values = found if isinstance(found, list) else [found]
    call.console.write("".join(f"{_show(value)}\n" for value in values))


def _set(call: Call, words: list[str]) -> None:
    if len(words) < 2:
        raise errors.UsageInvalid("a key and a value are needed", hint=f"duplicati {VERB.usage}")
    path = _read_path(call, words[0])
    if path[0] == "groups":
        call.configuration.set({path: words[1:]})
        return
    value = take_one(words[1:], "value", VERB.usage)
    if path == ("current",):
        _use(call, [value])
        return
    call.configuration.set({path: _check_value(path, value)})


def _unset(call: Call, words: list[str]) -> None:
    call.configuration.set({_read_path(call, take_one(words, "key", VERB.usage)): None})


def _use(call: Call, words: list[str]) -> None:
    from ..context import find_context  # noqa: PLC0415 - the library is not needed to read a file

    target = find_context(call, take_one(words, "context", VERB.usage))
    call.configuration.set({("current",): target.label})
    call.console.say(f"the current context is {target.label}, {target.url}")


def _explain(call: Call, words: list[str]) -> None:
    context = call.given.get("context") or call.configuration.current
    options = _all_options()
    if words:
        key = take_one(words, "key", VERB.usage).replace("-", "_")
        options = [option for option in options if key in (option.field, option.key)]
        if not options:
            raise errors.NotFound(f"there is no option {words[0]}", hint="duplicati config explain")
    rows = []
    for option in options:
        value, origin = call.find(option, context)
        if option.field == "context" and value is None and call.configuration.current:
            value, origin = call.configuration.current, f"{call.configuration.path} (current)"
        rows.append((option.key.replace("_", "-"), _tell(option, value), origin, _variable(option), _key(option)))
    make_printer(call).print_listing(Listing("values", _EXPLAINED, rows))


def _all_options() -> list[Option]:
    verbs: list[Verb] = [import_module(f".{name}", __package__).VERB for name in VERBS]
    options = {option.key: option for option in GLOBAL}
    options |= {option.key: option for verb in verbs for option in verb.options}
    return [CONFIG, *options.values()]


def _variable(option: Option) -> str | None:
    return option.variable if "e" in option.places else None


def _key(option: Option) -> str | None:
    return option.key if "c" in option.places else None


def _tell(option: Option, value: Any) -> str | None:
    if value is None or value == []:
        return None
    if option.kind == "secret":
        return MASK
    return ", ".join(map(str, value)) if isinstance(value, list) else _show(value)


def _read_path(call: Call, key: str) -> tuple[str, ...]:
    """Return where a key stands in the file; with --context an option's key means that context's."""
    if key == "current":
        return (key,)
    head, _, rest = key.partition(".")
    if head == "groups" and rest:
        return (head, rest)
    if head == "contexts" and "." in rest:
        name, _, field = rest.rpartition(".")
        return ("contexts", name, _find_option(field, "k").field if field != "url" else field)
    if "context" in call.given:
        return ("contexts", call.given["context"], "url" if key == "url" else _find_option(key, "k").field)
    option = _find_option(key, "c")
    return (option.scope, option.field) if option.scope else (option.field,)


def _find_option(key: str, place: str) -> Option:
    options = {option.key: option for option in _all_options() if place in option.places}
    found = options.get(key.replace("-", "_"))
    if found is None:
        near = suggest(key, list(options))
        raise errors.InvalidValue(
            f"there is no key {key}" + (" in a context" if place == "k" else ""),
            hint=f"did you mean {near}?" if near else "keys: " + ", ".join(options),
        )
    return found


def _check_value(path: tuple[str, ...], text: str) -> Any:
    if path[-1] == "url":
        from ...http import parse_url  # noqa: PLC0415

        return parse_url(text).url
    is_scoped = len(path) == 2 and path[0] != "contexts"
    option = _find_option(".".join(path) if is_scoped else path[-1], "k" if path[0] == "contexts" else "c")
    value = read_value(option, text)
    return value if isinstance(value, (bool, int)) and not isinstance(value, float) else text


def _hide(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file's data without the passwords that a proxy's address may hold."""
    return {
        name: _hide(value) if isinstance(value, dict) else hide_url(value) if isinstance(value, str) else value
        for name, value in data.items()
    }


def _show(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
