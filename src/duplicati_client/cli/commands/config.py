"""`config`: shows and changes the configuration, and explains where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import errors
from ...operations.masking import MASK, hide_url
from ..asking import make_printer
from ..context import find_context
from ..options import CONFIG, GLOBAL, Found, Option, read_value
from ..output.columns import Column, Listing
from ..output.pages import Field, Page, Section
from ..verbs import VERBS, Verb, load_verbs, suggest
from ..words import take_one

if TYPE_CHECKING:
    from ..call import Call

VERB = Verb(
    "config",
    "config [get KEY | set KEY VALUE | unset KEY | use CONTEXT | rename OLD NEW | remove CONTEXT … | explain [KEY]]",
    "Show and change the configuration file; comments and everything else in it stay as they are.",
    (
        ("(nothing)", "show the file, its contexts and settings"),
        ("get KEY", "print one value of the file"),
        ("set KEY VALUE …", "change one; with --context NAME one of that context"),
        ("unset KEY", "remove one"),
        ("use CONTEXT", "make a context the current one"),
        ("rename OLD NEW", "give a context another name, in groups too"),
        ("remove CONTEXT …", "end its session, then forget the context and its password in the keyring"),
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
    statuses=(0, 6, 65, 66, 73, 78),
)
COLUMNS = (
    Column("name", "OPTION", "id", 0, about="name of the option"),
    Column("value", "VALUE", "text", 0, about="the value that counts; a secret is hidden"),
    Column("origin", "FROM", "text", 0, about="where it was said"),
    Column("variable", "VARIABLE", "text", 2, is_shown=False, about="its environment variable"),
    Column("key", "KEY", "text", 3, is_shown=False, about="its key in the configuration file"),
)


def perform(call: Call) -> int:
    """Do what the first word says."""
    deed, words = (call.words[0], call.words[1:]) if call.words else ("print", ())
    deeds = {
        **{"print": _print, "get": _get, "set": _set, "unset": _unset, "use": _use},
        **{"rename": _rename, "remove": _remove, "explain": _explain},
    }
    if deed not in deeds:
        near = suggest(deed, list(deeds))
        raise errors.UsageInvalid(
            f"config cannot {deed}", hint=f"duplicati config {near}" if near else "duplicati config --help"
        )
    return deeds[deed](call, list(words)) or 0


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
    target = find_context(call, take_one(words, "context", VERB.usage))
    call.configuration.set({("current",): target.label})
    call.console.say(f"the current context is {target.label}, {target.url}")


def _rename(call: Call, words: list[str]) -> None:
    from ..contexts import rename_context  # noqa: PLC0415 - the library is not needed to read a file

    if len(words) != 2:
        raise errors.UsageInvalid("two names are needed", hint="duplicati config rename OLD NEW")
    rename_context(call, *words)
    call.console.say(f"the context {words[0]} is called {words[1]} now")


def _remove(call: Call, words: list[str]) -> int:
    from ..contexts import remove_contexts  # noqa: PLC0415 - the library is not needed to read a file

    if not words:
        raise errors.UsageInvalid("context is missing", hint="duplicati list contexts")
    return remove_contexts(call, words)


def _explain(call: Call, words: list[str]) -> None:
    context = call.given.get("context") or call.configuration.current
    url = find_context(call, context).url if context is not None else None
    options = _all_options()
    if words:
        key = take_one(words, "key", VERB.usage).replace("-", "_")
        options = [option for option in options if key in (option.field, option.key)]
        if not options:
            raise errors.NotFound(f"there is no option {words[0]}", hint="duplicati config explain")
    rows = []
    for option in options:
        found = _find(call, option, context, url)
        name, origin = option.key.replace("_", "-"), _tell_origin(call, found)
        rows.append((name, _tell(option, found.value), origin, _variable(option), _key(option)))
    make_printer(call).print_listing(Listing("values", COLUMNS, rows))


def _tell_origin(call: Call, found: Found) -> str:
    """Say where a value was said, with the line if it is in the file."""
    if found.key is None:
        return found.origin
    path = str(call.configuration.path)
    home = call.process.environ.get("HOME")
    if home and path.startswith(f"{home}/"):
        path = f"~{path.removeprefix(home)}"
    where = f"{path}:{call.configuration.find_line(found.key)}"
    return f"{found.origin} in {where}" if found.key[0] == "contexts" else where


def _find(call: Call, option: Option, context: str | None, url: str | None) -> Found:
    """Return a value and its origin; a password's is the first place where it would be looked for."""
    found = call.find(option, context)
    if option.field == "context" and found.value is None and call.configuration.current:
        return Found(call.configuration.current, str(call.configuration.path), ("current",))
    if option.field == "password":
        from ..passwords import find_places  # noqa: PLC0415 - only who wants to know

        place = next(find_places(call, context, url), None)
        return Found(MASK, place.name) if place is not None else Found(None, "asked for at a terminal")
    return found


def _all_options() -> list[Option]:
    verbs = [verb for name in VERBS for verb in load_verbs(name)]
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
    return ("true" if value else "false") if isinstance(value, bool) else hide_url(str(value))
