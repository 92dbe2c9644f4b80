"""Every verb against servers that answer like nothing good: a status of the table, a message, a next step, no harm."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from duplicati_client.http import Answer
from tests.hostile import (
    NASTY,
    PASSWORD,
    SECRETS,
    UNSAFE,
    URL,
    Ended,
    Person,
    Spoilt,
    replace,
    spoil,
    write,
)
from tests.unit.cli.stage import in_zone

FORMS = ("table", "json", "csv", "yaml", "ids")
VERBS = (
    "status", "list backups", "list tasks", "list logs", "list logs 1", "list notifications", "list settings",
    "list versions 1", "get backup 1", "get task 11", "get notification 1", "get setting update-channel", "describe 1",
    "logs", "logs 1", "run 1", "stop", "stop 1", "abort 11", "list backups --sort name,-last_started_at",
    "list backups --filter name>3",
)  # fmt: skip
ALLOWED = frozenset({0, 2, 3, 4, 5, 6, 64, 66, 69, 73, 74, 75, 76, 77, 78, 124})
RELEASES = ("2.3.1.0", "2.0.8.1")
# What the program itself draws on a terminal.
_DRAWN = re.compile("\x1b\\[[0-9;]*m|\r\x1b\\[K|\r\n|\n")


def judge(ended: Ended, *, is_terminal: bool = False, may_be_refused: bool = False) -> None:
    """Hold what a command did against the promises that no server can break."""
    told = ended.stderr
    assert ended.status in ALLOWED or (may_be_refused and ended.status == 65), told
    assert not any(secret in ended.stdout + told for secret in SECRETS)
    assert not UNSAFE.search(_DRAWN.sub("", told))
    assert "Traceback" not in told
    if is_terminal:
        assert not UNSAFE.search(_DRAWN.sub("", ended.stdout))
    if ended.status >= 64:
        assert len(told) < 3000
        first, second = told.splitlines()[-2:]
        assert first.startswith("duplicati: ")
        assert second.startswith("  ")


def logged_in(home: Any, release: str = "2.3.1.0") -> tuple[Person, Spoilt]:
    server = Spoilt(release)
    person = Person(home, server)
    assert person.log_in().status == 0
    return person, server


def rename(*names: str, times: int = 1) -> Callable[[str, Any], Any]:
    """Let backups have these names, several times over."""

    def change(key: str, good: Any) -> Any:
        if key == "GET backups":
            made = [replace(good[0], ("Backup", "Name"), name) for name in names * times]
            return [replace(item, ("Backup", "ID"), str(number)) for number, item in enumerate(made, 1)]
        return replace(good, ("Backup", "Name"), names[0]) if key == "GET backup/N" else good

    return change


def spoil_more_or_less(chance: random.Random) -> Callable[[str, Any], Any]:
    return lambda key, good: spoil(good, chance) if chance.random() < 0.6 else good


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("seed", range(4))
def test_any_node_of_an_answer_may_be_anything(tmp_path, release, seed):
    person, server = logged_in(tmp_path, release)
    for turn in range(250):
        chance = random.Random(f"{release} {seed} {turn}")
        server.requests.clear()
        server.change = spoil_more_or_less(chance)
        is_terminal = chance.random() < 0.5
        words = (*chance.choice(VERBS).split(), "-o", chance.choice(FORMS))
        judge(person.run(*words, is_terminal=is_terminal, DUPLICATI_CLIENT_PASSWORD=PASSWORD), is_terminal=is_terminal)


@pytest.mark.parametrize("depth", [100, 450, 900, 30_000])
@pytest.mark.parametrize("form", FORMS)
def test_deep_nesting_is_shown_or_not_understood(tmp_path, depth, form):
    person, server = logged_in(tmp_path)

    def nest(key: str, good: Any) -> Any:
        if key not in ("GET backup/N", "GET task/N", "GET notifications"):
            return good
        deep = b'{"a": ' * depth + b"1" + b"}" * depth
        if key == "GET notifications":
            return b'[{"ID": 1, "Deep": ' + deep + b"}]"
        return write({**good, "Deep": 12345}).replace(b"12345", deep)

    server.change = nest
    for words in ("get backup 1", "get task 11", "get notification 1", "describe 1"):
        ended = person.run(*words.split(), "-o", form)
        judge(ended)
        assert ended.status in (0, 76)


@pytest.mark.parametrize("words", ["list backups --sort name", "list backups --filter name>3", "list backups 9*"])
def test_a_name_of_thousands_of_digits_is_no_number(tmp_path, words):
    person, server = logged_in(tmp_path)
    server.change = rename("9" * 5000, "8")
    ended = person.run(*words.split())
    judge(ended)
    assert ended.status == 0


@pytest.mark.parametrize("kind", ["n", "n\u202e", "字", "a\u0301", "n "])
def test_a_name_of_a_megabyte_costs_a_moment(tmp_path, kind):
    person, server = logged_in(tmp_path)
    server.change = rename(kind * (1_000_000 // len(kind.encode())), times=3)
    started_at = time.process_time()
    for words in ("list backups", "get backup 1", "describe 1", "run 1 2", "run nothing", "run *n*"):
        for form in ("table", "json"):
            judge(person.run(*words.split(), "-o", form, is_terminal=True), is_terminal=True)
    assert time.process_time() - started_at < 6.0


def test_one_long_name_does_not_widen_every_line_of_a_long_list(tmp_path):
    person, server = logged_in(tmp_path)
    server.change = rename("n" * 100_000, *("a",) * 2000)
    ended = person.run("list", "backups", COLUMNS="")
    judge(ended)
    assert "n" * 100_000 in ended.stdout
    assert len(ended.stdout) < 2_000_000


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.9999999Z", "0002-01-01T00:00:00Z", "1900-01-01T00:00:00Z"])
def test_the_edges_of_time_are_shown(tmp_path, zone, at):
    person, server = logged_in(tmp_path)
    compact = re.sub(r"[-:]|\.\d+", "", at)

    def date(key: str, good: Any) -> Any:
        text = write(good)
        text = re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", at.encode(), text)
        return re.sub(rb"20\d{6}T\d{6}Z", compact.encode(), text)

    server.change = date
    with in_zone(zone):
        for words in VERBS:
            for form in ("table", "yaml"):
                judge(person.run(*words.split(), "-o", form, is_terminal=True), is_terminal=True)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_of_a_text_reaches_the_terminal_raw(tmp_path, release, is_terminal):
    person, server = logged_in(tmp_path, release)

    def poison(key: str, good: Any) -> Any:
        return poison_texts(good) if key.startswith("GET ") else good

    server.change = poison
    for words in VERBS:
        for form in FORMS:
            server.requests.clear()
            judge(person.run(*words.split(), "-o", form, is_terminal=is_terminal), is_terminal=is_terminal)


def poison_texts(value: Any) -> Any:
    """Put the nasty text behind every text that is shown and not matched."""
    if isinstance(value, dict):
        return {
            name: item if name in ("Type", "Status", "ProgramState") else poison_texts(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [poison_texts(item) for item in value]
    return value + NASTY if isinstance(value, str) and not value.isdecimal() and not value.startswith("{") else value


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 429, 500, 502, 503])
def test_refusals_are_one_short_line_whatever_they_say(tmp_path, release, status):
    person, server = logged_in(tmp_path, release)
    said = (NASTY + "words ") * 9000
    for content in ({"Error": said}, {"Message": said}, {"error": said, "Code": said}, [said], said):
        headers = (("Location", said), ("Set-Cookie", said), ("WWW-Authenticate", said))
        refusal = Answer(status, said[:5000], headers, write(content))
        server.change = lambda key, good, refusal=refusal: refusal
        for words in VERBS[:12]:
            server.requests.clear()
            ended = person.run(*words.split(), is_terminal=True)
            judge(ended, is_terminal=True, may_be_refused=True)
            assert ended.status >= 64
        assert person.session is not None


def test_an_address_in_a_text_loses_its_password(tmp_path):
    person, server = logged_in(tmp_path)
    secret = "hunter2-of-the-nas"
    words_said = f"cannot reach ftp://me:{secret}@nas/x?auth-password={secret}"

    def quote(key: str, good: Any) -> Any:
        if key == "GET notifications":
            return [{"ID": 1, "Type": "Error", "Title": words_said, "Message": words_said, "Exception": words_said,
                     "BackupID": "1", "Timestamp": "2036-01-01T00:00:00Z"}]  # fmt: skip
        if key in ("GET logdata/log", "GET backup/N/log"):
            return [{"ID": 1, "Timestamp": 1795521605, "Type": "Error", "Message": words_said, "Exception": words_said}]
        if key == "GET task/N":
            return {**good, "Status": "Failed", "ErrorMessage": words_said}
        if key == "GET backup/N":
            return replace(
                good, ("Backup", "Metadata"), {"LastErrorDate": "20360101T000000Z", "LastErrorMessage": words_said}
            )
        return good

    server.change = quote
    for words in (*VERBS, "run 1 --wait"):
        for form in ("table", "json", "csv", "yaml"):
            ended = person.run(*words.split(), "-o", form)
            assert secret not in ended.stdout + ended.stderr, words
    server.change = lambda key, good: Answer(500, "", (), write({"Error": words_said}))
    assert secret not in person.run("status").stderr


@pytest.mark.parametrize("release", RELEASES)
def test_an_error_page_that_repeats_the_request_gives_no_secret_away(tmp_path, release):
    person, server = logged_in(tmp_path, release)

    def repeat(key: str, good: Any) -> Any:
        request = server.requests[-1]
        told = f"{dict(request.headers)} {(request.body or b'').decode()}"
        return Answer(500, told, (), write({"Error": told}))

    server.change = repeat
    for words in ("status", "list backups", "run 1", f"login {URL}", "logout"):
        judge(person.run(*words.split(), DUPLICATI_CLIENT_PASSWORD=PASSWORD))


def test_json_holds_what_the_server_said_and_nothing_that_acts(tmp_path):
    person, server = logged_in(tmp_path)
    server.change = rename(NASTY)
    ended = person.run("list", "backups", "-o", "json", is_terminal=True)
    judge(ended, is_terminal=True)
    assert json.loads(ended.stdout)["items"][0]["name"] == NASTY
