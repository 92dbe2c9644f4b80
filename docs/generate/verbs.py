"""The blocks on verbs and options, from the verbs' own data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from docs.generate.markdown import code, fence, table, text
from duplicati_client.cli.exits import MEANINGS
from duplicati_client.cli.options import CHOOSING, CONFIG, CONNECTING, GLOBAL, HELP, SHOWING, Option
from duplicati_client.cli.verbs import VERBS, Verb, load_verbs

_OPTION_HEAD = ("option", "meaning", "default", "variable")
_SECTIONS = {"Which server": CHOOSING, "How to connect": CONNECTING, "What is shown": (*SHOWING, HELP)}


def overview() -> str:
    """Return the verbs by group, a line each, with links to their sections."""
    rows = [(VERBS[name][0], f"[{name}](#{name})", text(VERBS[name][1])) for name in _by_group()]
    return table(("group", "verb", "what it does"), rows)


def verbs() -> str:
    """Return a section a verb: usage, words, options, examples, exit statuses."""
    every = [verb for name in _by_group() for verb in load_verbs(name)]
    return "\n\n".join("\n\n".join(_describe(verb)) for verb in every)


def global_options() -> str:
    """Return the options that every verb takes, by what they are for."""
    return "\n\n".join(f"### {title}\n\n{_options(options)}" for title, options in _SECTIONS.items())


def configuration_keys() -> str:
    """Return every key of the configuration file: at the top, in a context, or in a verb's table."""
    options = {option.key: option for option in GLOBAL}
    options |= {option.key: option for name in VERBS for verb in load_verbs(name) for option in verb.options}
    rows = [
        (
            code(option.key if "c" in option.places else option.field),
            "yes" if "k" in option.places else "",
            _meaning(option),
            code(_default(option)),
        )
        for option in options.values()
        if set("ck") & set(option.places)
    ]
    return table(("key", "in a context too", "meaning", "default"), rows)


def variables_alone() -> str:
    """Return the variables that no option and no key can replace."""
    options = [CONFIG, *(option for option in GLOBAL if option.places == "e")]
    return table(("variable", "meaning"), [(_variable(option), _meaning(option)) for option in options])


def _by_group() -> list[str]:
    """Return the verbs with each group together, as the program's help has them."""
    groups = list(dict.fromkeys(group for group, _ in VERBS.values()))
    return sorted(VERBS, key=lambda name: groups.index(VERBS[name][0]))


def _describe(verb: Verb) -> Iterator[str]:
    yield f"### {verb.name}"
    yield text(verb.about)
    yield fence("text", f"duplicati {verb.usage}")
    if verb.subverbs:
        yield table(("word", "what it does"), [(code(name), text(line)) for name, line in verb.subverbs])
    if verb.words:
        yield table(("words", "meaning"), [(code(word), text(meaning)) for word, meaning in verb.words])
    if verb.options:
        yield _options(verb.options)
    if verb.examples:
        yield fence("sh", "\n".join(_examples(verb.examples)))
    if verb.statuses:
        meanings = ", ".join(f"{code(str(status))} {text(MEANINGS[status])}" for status in verb.statuses)
        yield f"Exit statuses: {meanings}."


def _examples(examples: Iterable[tuple[str, str]]) -> list[str]:
    width = max(len(command) for command, _ in examples)
    return [f"{command:<{width}}  # {what}" for command, what in examples]


def _options(options: Iterable[Option]) -> str:
    rows = [(_option(option), _meaning(option), code(_default(option)), _variable(option)) for option in options]
    return table(_OPTION_HEAD, rows)


def _option(option: Option) -> str:
    if "o" not in option.places:
        return "(none)"
    short = f"{code('-' + option.short)}, " if option.short else ""
    return short + code(f"--{option.name}{' ' + option.metavar if option.metavar else ''}")


def _meaning(option: Option) -> str:
    choices = ", ".join(map(code, option.choices))
    return text(option.help) + (f": {choices}" if choices else "")


def _default(option: Option) -> str:
    return "" if option.default in (None, 0, False, "") else str(option.default)


def _variable(option: Option) -> str:
    return code(option.variable) if "e" in option.places else ""
