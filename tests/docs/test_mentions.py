"""What the pages say of verbs, options and variables exists, also where no test can run the command."""

from __future__ import annotations

import re

import pytest

from duplicati_client import errors
from duplicati_client.cli.main import split_verb
from duplicati_client.cli.oldclient import old_options
from duplicati_client.cli.options import CONFIG, GLOBAL, HELP
from duplicati_client.cli.parser import parse
from duplicati_client.cli.verbs import VERBS, load_module, load_verbs
from tests.docs.fences import ROOT, pages, read_fences, read_inline_code
from tests.docs.mentions import part, read_calls

VERBLESS = {"--help", "--version", "help"}
VARIABLES_OF_FOLDERS = {"DUPLICATI_CLIENT_STATE_DIR"}
# Options of Duplicati's server and of other programs that pages speak of.
FOREIGN_OPTIONS = re.compile(
    r"--(webservice-|sandbox-|throttle-|run-script-|settings-|no-such-option|give|global|user|unit|property|rm|fix|fail-on)"
)
ALL_OPTIONS = {option for name in VERBS for verb in load_verbs(name) for option in verb.options} | {
    *GLOBAL,
    HELP,
    CONFIG,
}
every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_calls_on_a_page_have_verbs_and_options_that_exist(page):
    wrong = [f"{' '.join(words)}: {why}" for words in read_calls(page) if (why := fault_of(words))]
    assert wrong == []


@every_page
def test_commands_stand_in_fences_where_they_are_looked_at(page):
    fenced = "\n".join(fence.body for fence in read_fences(page))
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("    duplicati ") and line.strip() not in fenced] == []


@every_page
def test_options_named_on_a_page_exist(page):
    known = {f"--{option.name}" for option in ALL_OPTIONS} | {f"--no-{option.name}" for option in ALL_OPTIONS}
    known |= old_options()  # a page maps them to ours
    known |= {"--version", "--name", "--no-name"}  # of the program, and as an example of any option
    named = {found for code in read_inline_code(page) for found in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
    assert {name for name in named - known if not FOREIGN_OPTIONS.match(name)} == set()


@every_page
def test_variables_named_on_a_page_exist(page):
    known = {option.variable for option in ALL_OPTIONS if "e" in option.places} | VARIABLES_OF_FOLDERS
    named = set(re.findall(r"DUPLICATI_CLIENT_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
    assert named - known - {"DUPLICATI_CLIENT_NAME"} == set()


@pytest.mark.parametrize("call", ["run Documents --wiat", "rnu Documents", "run --timeout", "status --output xml"])
def test_call_that_the_program_would_refuse_is_found(call):
    assert fault_of(call.split())


def test_call_ends_where_a_shell_would_end_it():
    assert part("list backups --output ids | xargs duplicati run  # all") == ["list", "backups", "--output", "ids"]
    assert part("run Documents --quiet 2>/dev/null") == ["run", "Documents", "--quiet", "2"]


def fault_of(words: list[str]) -> str | None:
    """Return what the parser has against a call, None if nothing; placeholders in capitals are no values."""
    name, rest = split_verb(words)
    if name is None or name in VERBLESS:
        return None if set(words) <= VERBLESS else "no verb"
    if name not in VERBS:
        return "there is no such verb"
    verb = load_module([name]).VERB
    if verb.subverbs:
        subverb, rest = split_verb(rest, (*GLOBAL, *verb.options))
        if subverb is None or subverb not in dict(verb.subverbs):
            return None if subverb is None or subverb.isupper() or "|" in subverb else "there is no such sub-verb"
        verb = load_module([name, subverb]).VERB
    try:
        parse(verb.name, (*GLOBAL, HELP, *verb.options), rest)
    except errors.InvalidValue:
        return None if any(word.isupper() for word in rest) else "a value is refused"
    except errors.UsageInvalid as exc:
        return exc.message
    return None
