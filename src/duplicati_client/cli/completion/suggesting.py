"""What could come next in a line: verbs, types, options, their values and names, each with a word about it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import errors
from ..call import Call
from ..configuration import TASK_SERVER
from ..options import GLOBAL, HELP, Option, read_value
from ..parser import Given
from ..text import cut, neutralise
from ..verbs import PLURALS, VERBS, Verb, load_module, load_verbs
from .cache import DAEMONS_OF
from .grammar import find_next, read_forms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..call import Process
    from ..output.columns import Column
    from .cache import Name

SHELLS = ("bash", "zsh", "fish", "powershell")
_ABOUT_CHARACTERS = 60
_LISTED_BY = {"logs": "logs", "config": "values", "daemon tasks": "daemon-tasks", "daemon journal": "journal-records"}
_VALUES_OF = {
    "outcome": ("success", "warning", "error", "fatal", "interrupted", "unknown", "never", "running", "queued"),
    "flag": ("yes", "no"),
}
_TYPE_NAMED_BY = {"BACKUP": "backup", "SELECTOR": "backup", "NUMBER": "task", "ID": "notification"}


class Candidate(NamedTuple):
    """A whole word that could stand where the cursor is, and what it is."""

    value: str
    about: str = ""


class Suggestions(NamedTuple):
    """`mode` tells the shell what follows a chosen word: a `space`, or `nospace`; or that it is to offer `files`."""

    mode: str = "space"
    candidates: Sequence[Candidate] = ()


FILES = Suggestions("files")
_NOTHING = Verb("", "", "")


class _Typed(NamedTuple):
    """What stands before the word at the cursor."""

    verb: Verb | None
    words: Sequence[str]
    given: Mapping[str, Any]
    pending: Option | None
    is_behind_dashes: bool


def suggest(
    process: Process, words: Sequence[str], current: str, find_names: Callable[[Call, str], list[Name]]
) -> Suggestions:
    """Return what could replace `current` behind the `words`; `find_names` knows what a server has of a kind."""
    typed = _read(words)
    line = _Line(process, typed, current, find_names)
    if typed.pending is not None:
        found = line.suggest_value(typed.pending, "")
    elif current.startswith("-") and not typed.is_behind_dashes:
        found = line.suggest_option()
    elif typed.verb is None:
        verbs = [(name, about) for name, (_, about) in VERBS.items()]
        found = Suggestions("space", [Candidate(*pair) for pair in (*verbs, ("help", "the help of a verb"))])
    else:
        found = line.suggest_word()
    return found._replace(candidates=_fit(found.candidates, current))


def _fit(candidates: Iterable[Candidate], current: str) -> list[Candidate]:
    """Keep what begins as typed, else what does without regard to case, each once."""
    unique = list({candidate.value: candidate for candidate in candidates if candidate.value.isprintable()}.values())
    fitting = [candidate for candidate in unique if candidate.value.startswith(current)]
    if not fitting:
        fitting = [candidate for candidate in unique if candidate.value.casefold().startswith(current.casefold())]
    return [Candidate(value, cut(neutralise(about), _ABOUT_CHARACTERS)) for value, about in fitting]


def _read(words: Sequence[str]) -> _Typed:
    """Read a line that need not be right yet: what is not understood is passed over."""
    options = _name_options(GLOBAL)
    verb: Verb | None = None
    named: list[str] = []
    given: dict[str, Any] = {}
    pending: Option | None = None
    for at, word in enumerate(words):
        name, equals, text = word.partition("=")
        if pending is not None:
            _give(given, pending, word)
            pending = None
        elif word == "--":
            rest = words[at + 1 :]
            return _Typed(verb, [*named, *rest], given, None, is_behind_dashes=True)
        elif word.startswith("-") and word != "-":
            option = options.get(name)
            if option is not None and option.kind != "flag" and not equals:
                pending = option
            elif option is not None:
                _give(given, option, text if equals else "yes")
        elif verb is None:
            verb = _load(word)
            options |= _name_options(verb.options) if verb else {}
            named += [] if verb else [word]
        elif word in dict(verb.subverbs) and not named:
            verb = _load_subverb(verb.name, word)
            options |= _name_options(verb.options)
        else:
            named.append(word)
    return _Typed(verb, named, given, pending, is_behind_dashes=False)


def _load(name: str) -> Verb | None:
    if name == "help":
        return Verb("help", "help [VERB]", "")
    if name not in VERBS:
        return None
    found: Verb = load_module([name]).VERB
    return found


def _load_subverb(name: str, subverb: str) -> Verb:
    found: Verb = load_module([name, subverb]).VERB
    return found


def _name_options(options: Iterable[Option]) -> dict[str, Option]:
    named = {f"--{option.name}": option for option in options if "o" in option.places}
    return named | {f"-{option.short}": option for option in options if option.short}


def _give(given: dict[str, Any], option: Option, text: str) -> None:
    with suppress(errors.DuplicatiClientError):
        value = read_value(option, text)
        given[option.field] = [*given.get(option.field, ()), value] if option.is_repeatable else value


class _Line:
    """One line to be completed, and where names come from."""

    def __init__(
        self, process: Process, typed: _Typed, current: str, find_names: Callable[[Call, str], list[Name]]
    ) -> None:
        self._typed = typed
        self._current = current
        self._find_names = find_names
        verb = typed.verb or _NOTHING
        self._call = Call(verb, Given(tuple(typed.words), {**typed.given, "password_stdin": False}), process)

    def suggest_option(self) -> Suggestions:
        """Return options, or the values of the one that is typed with an equals sign."""
        own = (self._typed.verb or _NOTHING).options
        names = {option.name for option in own}  # which may mean something else here than for other verbs
        options = (*own, *(option for option in (*GLOBAL, HELP) if option.name not in names))
        name, equals, _ = self._current.partition("=")
        if equals:
            option = _name_options(options).get(name)
            return Suggestions() if option is None else self.suggest_value(option, f"{name}=")
        wanted = [o for o in options if "o" in o.places and (o.is_repeatable or o.field not in self._typed.given)]
        candidates = [Candidate(f"--{option.name}", option.help) for option in wanted]
        if self._current.startswith("--no"):
            candidates += [Candidate(f"--no-{o.name}", f"not: {o.help}") for o in wanted if o.kind == "flag"]
        return Suggestions("space", candidates)

    def suggest_value(self, option: Option, head: str) -> Suggestions:
        """Return values of an option, each behind `head`, which stands in the same word."""
        if option.kind == "file":
            return FILES
        if option.field in ("columns", "sort", "filter"):
            return self._suggest_columns(option.field, head)
        values: Iterable[Candidate] = [Candidate(choice) for choice in option.choices]
        if option.field == "context":
            values = [*self._contexts(), *self._places(head)]
        elif option.field == "on":
            values = [*self._contexts(), *self._places(head), *self._groups()]
        elif option.field == "server":
            values = self._addresses()
        return Suggestions("space", [value._replace(value=head + value.value) for value in values])

    def suggest_word(self) -> Suggestions:
        """Return what the verb's forms let stand here."""
        verb = self._typed.verb or _NOTHING
        candidates = [Candidate(*pair) for pair in verb.subverbs if not self._typed.words]
        for form, about in read_forms(verb):
            for following in find_next(form, self._typed.words):
                if following.literal is not None:
                    candidates.append(Candidate(following.literal, about))
                elif following.placeholder in ("FILE", "DIR", "FOLDER"):
                    return FILES
                elif following.placeholder is not None:
                    candidates += self._name(following.placeholder, following.kind)
        return Suggestions("space", [c for c in candidates if c.value not in self._typed.words])

    def _name(self, placeholder: str, kind: str | None) -> Iterable[Candidate]:
        own = {"VERB": _verbs, "KEY": _keys, "VALUE": self._key_values, "CONTEXT": self._contexts_and_places}
        own |= {"URL": self._addresses, "SHELL": _shells, "GROUP": self._groups}
        if placeholder in own:
            return own[placeholder]()
        kind = _TYPE_NAMED_BY["BACKUP"] if placeholder == "BACKUP" else kind or _TYPE_NAMED_BY.get(placeholder)
        if kind == "context":
            return self._contexts()
        if kind is None or placeholder not in (*_TYPE_NAMED_BY, "NAME"):
            return []
        names = self._find_names(self._call, kind)
        candidates = [Candidate(*name) for name in names]
        if kind == "backup" and self._current.isdecimal():
            candidates += [Candidate(about[7:], value) for value, about in names if about.startswith("backup ")]
        return [candidate for candidate in candidates if candidate.value]

    def _contexts(self) -> list[Candidate]:
        contexts = self._call.configuration.contexts
        return [Candidate(name, str(table.get("url", ""))) for name, table in contexts.items()]

    def _contexts_and_places(self) -> list[Candidate]:
        return [*self._contexts(), *self._places()]

    def _places(self, head: str = "") -> list[Candidate]:
        """Return the servers beside the daemons of the task server that is named before the slash."""
        fleet, slash, _ = self._current.removeprefix(head).partition("/")
        table = self._call.configuration.contexts.get(fleet, {})
        if not slash or table.get("kind") != TASK_SERVER:
            return []
        return [Candidate(*name) for name in self._find_names(self._call, f"{DAEMONS_OF}{fleet}")]

    def _groups(self) -> list[Candidate]:
        return [Candidate(name, ", ".join(parts)) for name, parts in self._call.configuration.groups.items()]

    def _addresses(self) -> list[Candidate]:
        return [Candidate(url, name) for name, url in self._contexts() if url]

    def _key_values(self) -> list[Candidate]:
        named = self._typed.words[1:2]
        choices = [option.choices for option in _settable_options() if option.key in named]
        return [Candidate(choice) for options in choices for choice in options]

    def _suggest_columns(self, field: str, head: str) -> Suggestions:
        text = self._current[len(head) :]
        columns = self._columns()
        if field == "filter":
            mode = "space" if "=" in text else "nospace"
            return Suggestions(mode, [c._replace(value=head + c.value) for c in _filters(columns, text)])
        before, comma, last = text.rpartition(",")
        sign = "-" if field == "sort" and last.startswith("-") else ""
        said = {part.strip("+-") for part in before.split(",")}
        rest = [column for column in columns if column.name not in said]
        return Suggestions(
            "nospace", [Candidate(f"{head}{before}{comma}{sign}{c.name}", c.about or c.title.lower()) for c in rest]
        )

    def _columns(self) -> Sequence[Column]:
        from ..listings import columns_of  # noqa: PLC0415 - only where columns are named

        verb, words = self._typed.verb or _NOTHING, self._typed.words
        kind = next((PLURALS.get(word, word) for word in words), "") if verb.name == "list" else ""
        return columns_of(kind or _LISTED_BY.get(verb.name, verb.name))


def _filters(columns: Iterable[Column], text: str) -> list[Candidate]:
    name, equals, _ = text.partition("=")
    if not equals:
        return [Candidate(f"{column.name}=", column.about or column.title.lower()) for column in columns]
    kinds = [column.kind for column in columns if column.name == name.strip("!")]
    return [Candidate(f"{name}={value}") for kind in kinds for value in _VALUES_OF.get(kind, ())]


def _shells() -> list[Candidate]:
    return [Candidate(shell) for shell in SHELLS]


def _verbs() -> list[Candidate]:
    return [Candidate(name, about) for name, (_, about) in VERBS.items()]


def _keys() -> list[Candidate]:
    return [Candidate(option.key, option.help) for option in _settable_options()]


def _settable_options() -> list[Option]:
    verbs = [verb for name in VERBS for verb in load_verbs(name)]
    options = [*GLOBAL, *(option for verb in verbs for option in verb.options)]
    return [option for option in options if {"c", "k"} & set(option.places)]
