"""Definitions as fields, as text, and back: every recorded one of every release, and arbitrary ones."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.operations import edit
from duplicati_client.operations.assignments import read_assignment
from duplicati_client.operations.changes import apply_changes, compare
from duplicati_client.operations.definition import DAYS, read_fields, write_definition
from duplicati_client.operations.document import read_document, write_document
from duplicati_client.operations.masking import MASK, conceal, reveal
from duplicati_client.operations.set import plan_backups
from duplicati_client.operations.values import check_timespan
from duplicati_client.sandbox.engine.timespan import read_timespan
from tests.contract.recordings import RELEASES, read_release
from tests.definition_server import SECRET_OPTIONS, DefinitionServer, definition

SECRETS = frozenset(SECRET_OPTIONS)
TEXTS = st.text(max_size=30) | st.sampled_from(["", "~", "null", "7", "yes", "- x", "a: b", "#", "x\ny\n", " x ", "\u202e", "\x1b[31m", "\r", "\ufeff", "'", '"', "!!int 3", "&a", "*a", "********"])  # fmt: skip  # noqa: E501
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,15}[a-z0-9]", fullmatch=True)


def recorded_definitions() -> Iterator[Any]:
    """Each definition that a server has shown, once a release."""
    for release in RELEASES:
        seen = set()
        for entry in read_release(release):
            found = entry.answer.get("data") or entry.answer if isinstance(entry.answer, dict) else {}
            if entry.method != "GET" or not re.search(r"/backup/[^/?]+$", entry.path) or "Backup" not in found:
                continue
            told = json.dumps({**found, "Backup": {**found["Backup"], "Metadata": None}}, sort_keys=True)
            if told not in seen:
                seen.add(told)
                yield pytest.param(release, found, id=entry.where)


RECORDED = list(recorded_definitions())


def test_there_are_definitions_of_every_release():
    assert {param.values[0] for param in RECORDED} == set(RELEASES)
    assert len(RECORDED) > 60


@pytest.mark.parametrize(("release", "recorded"), RECORDED)
def test_an_edit_without_a_change_sends_nothing(release, recorded):
    server = DefinitionServer(recorded, release)
    client = server.connect()
    draft = edit.read_draft(client, server.backup_id)
    read = read_document(write_document(draft.fields, draft.options, "head"))
    edit.check(draft, read.fields)
    assert edit.send(client, draft, read.fields) == edit.Edited(server.backup_id, draft.name, False, ())
    assert server.writes == []


@pytest.mark.parametrize(("release", "recorded"), RECORDED)
def test_a_change_of_one_field_leaves_all_others_as_they_were(release, recorded):
    server = DefinitionServer(recorded, release)
    before = copy.deepcopy(server.stored)
    client = server.connect()
    draft = edit.read_draft(client, server.backup_id)
    edited = edit.send(client, draft, {**draft.fields, "description": "another"})
    assert edited.is_sent
    assert edited.adjusted == ()
    before["Backup"]["Description"] = "another"
    if before["Schedule"]:
        # 2.1.0.5 does not take its own double days back (2.1.0.5 backups:108).
        days = before["Schedule"]["AllowedDays"]
        before["Schedule"]["AllowedDays"] = [day for day in days or [] if len(day) == 3] or None
    assert server.stored == before


@pytest.mark.parametrize("release", RELEASES)
@given(fresh=st.text(alphabet="abc XYZ-09é", min_size=1, max_size=12), secret=st.text("pq%!@&=?/é* ", min_size=1))
@settings(max_examples=20)
def test_secrets_survive_every_change_of_something_else_and_are_never_written_down(release, fresh, secret):
    stored = definition()
    stored["Backup"]["Settings"][1]["Value"] = secret = f"p4ss{secret}"
    server = DefinitionServer(stored, release)
    client = server.connect()
    draft = edit.read_draft(client, "3")
    text = write_document(draft.fields, draft.options)
    assert secret not in text
    assert "s3cret" not in text
    read = read_document(text.replace("Letters", f"'{fresh}'").replace("/folder", "/elsewhere"))
    edit.check(draft, read.fields)
    changes = edit.send(client, draft, read.fields).changes
    assert secret not in repr(changes)
    assert "s3cret" not in repr(changes)
    assert server.stored["Backup"]["Settings"] == stored["Backup"]["Settings"]
    url = "webdav://host.example/elsewhere?auth-username=me&auth-password=s3cret%20pw"
    assert server.stored["Backup"]["TargetURL"] == url
    assert server.stored["Backup"]["Metadata"] == stored["Backup"]["Metadata"]


LISTS = st.lists(TEXTS, max_size=4).map(tuple)
FIELDS = st.fixed_dictionaries(
    {"name": TEXTS, "description": TEXTS, "destination": TEXTS, "sources": LISTS, "filters": LISTS, "tags": LISTS},
    optional={"schedule": st.tuples(st.from_regex(r"[1-9][smhDWMY]", fullmatch=True), st.sets(st.sampled_from(DAYS)))},
)


@given(FIELDS, st.dictionaries(NAMES, TEXTS, max_size=4))
def test_any_fields_come_back_from_their_text(fields, own):
    schedule = fields.pop("schedule", None)
    fields |= {
        f"settings.{name}": MASK if re.fullmatch(r"(\*|%2[aA]){4,}", text) else text for name, text in own.items()
    }
    if schedule is not None:
        days = tuple(day for day in DAYS if day in schedule[1])
        fields |= {
            "schedule.repeat": schedule[0],
            "schedule.next_at": "2036-01-01T03:00:00Z",
            "schedule.allowed_days": days,
        }
    text = write_document(fields, {})
    assert read_document(text).fields == fields
    assert "\x1b" not in text
    assert "\u202e" not in text


@given(st.text(max_size=200) | st.text("name:\n -[]{}'\"&*!#%@`|>~", max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text):
    with suppress(errors.InvalidValue):
        assert read_document(text).fields["name"] is not None


PART = st.text("abcXYZ09.%-", min_size=1, max_size=8)
PARAMETERS = st.sampled_from(["auth-password", "token", "a", "passphrase"])
ADDRESSES = st.builds(
    lambda user, host, path, query: f"ftp://{user}{host}/{path}" + ("?" if query else "") + "&".join(query),
    st.just("") | st.builds("{}:{}@".format, PART, st.text("ab:&=!%", max_size=8)),
    PART,
    PART,
    st.lists(st.builds("{}={}".format, PARAMETERS, PART | st.just("x://u:p@h")), max_size=4),
)


@given(ADDRESSES, PART)
def test_what_was_hidden_in_an_address_comes_back_also_when_its_path_was_changed(address, path):
    hidden = conceal(address, SECRETS)
    assert reveal(hidden, [address], SECRETS) == address
    head, place, rest = hidden.partition(hidden.split("/")[2])
    changed = head + place + f"/{path}" + rest
    revealed = reveal(changed, [address], SECRETS)
    assert conceal(revealed, SECRETS) == changed
    assert MASK not in revealed


@given(st.sampled_from(["user:pw@", ""]), PART, st.sampled_from(["?auth-password=pw", "?a=b&token=t"]), PART)
def test_a_secret_never_goes_to_another_host(user, host, query, other):
    if host.lower() == other.lower():
        return
    address = f"ftp://{user}{host}/folder{query}"
    moved = conceal(address, SECRETS).replace(f"{host}/", f"{other}/")
    with pytest.raises(errors.InvalidValue, match="none is stored there"):
        reveal(moved, [address], SECRETS)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "description": st.text("abc =+-'é", max_size=10),
        "settings.keep-versions": st.integers(1, 999).map(str),
        "settings.symlink-policy": st.sampled_from(["Store", "Follow", "Ignore"]),
        "settings.dblock-size": st.integers(1, 99).map("{}mb".format),
        "settings.no-encryption": st.sampled_from(["true", "false", "yes"]),
        "schedule.repeat": st.from_regex(r"[1-9][hDWMY]", fullmatch=True),
        "schedule.allowed_days": st.sets(st.sampled_from(DAYS)).map(lambda days: ",".join(sorted(days))),
    },
)


@pytest.mark.parametrize("release", RELEASES)
@given(CHANGES)
@settings(max_examples=20)
def test_what_was_set_is_what_is_read_then(release, wanted):
    server = DefinitionServer(definition(), release)
    client = server.connect()
    words = [f"{name}={value}" for name, value in wanted.items()]
    [(draft, fields)] = plan_backups(client, ["3"], [read_assignment(word) for word in words])
    assert edit.send(client, draft, fields).adjusted == ()
    after = edit.read_draft(client, "3").fields
    for name, value in wanted.items():
        is_days = name == "schedule.allowed_days"
        assert after[name] == (tuple(day for day in DAYS if day in value.split(",")) if is_days else value)
    assert {name: after[name] for name in after if name not in wanted} == {
        name: value for name, value in draft.fields.items() if name not in wanted
    }
    assert server.stored["Backup"]["Settings"][1]["Value"] == "s3cret phrase"


@given(FIELDS, FIELDS, FIELDS)
def test_two_peoples_changes_are_both_made_where_they_are_of_different_fields(first, mine, theirs):
    for fields in (first, mine, theirs):
        fields.pop("schedule", None)
    merged = apply_changes(theirs, first, mine)
    for change in compare(first, mine):
        assert merged[change.field] == mine[change.field]
    for change in compare(first, theirs):
        if mine[change.field] == first[change.field]:
            assert merged[change.field] == theirs[change.field]


@given(st.from_regex(r"([0-9]{1,4}[smhDWMY]){1,3}|[0-9]{1,5}", fullmatch=True) | st.text("0123 smhdDwWMYy-:", min_size=1, max_size=6))  # fmt: skip  # noqa: E501
def test_a_length_of_time_is_taken_if_and_only_if_the_server_reads_it(text):
    try:
        check_timespan(text)
    except errors.InvalidValue:
        # We take no signs and no blanks around.
        assert read_timespan(text) is None or text.strip() != text or not text.strip() or "-" in text
    else:
        assert read_timespan(text) is not None


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Name", "Value", "Settings", "Filters", "Schedule", "Order", "Tags", "Time", "AllowedDays", "Sources"]), inner, max_size=4), max_leaves=8))  # fmt: skip  # noqa: E501
def test_whatever_a_server_says_can_be_read_and_is_written_back_as_it_came(value):
    inner = {"ID": "3", **(value if isinstance(value, dict) else {"Settings": value, "Filters": value})}
    raw = {"Backup": inner, "Schedule": value if isinstance(value, dict) else None}
    fields = read_fields(raw, SECRETS)
    body = write_definition(raw, fields, SECRETS, (2, 0, 8, 1))
    kept = {name: member for name, member in body["Backup"].items() if name != "Settings" or isinstance(member, list)}
    assert {name: kept[name] for name in inner if name != "Settings"} == {
        n: m for n, m in inner.items() if n != "Settings"
    }
    assert read_fields(body, SECRETS) == fields
