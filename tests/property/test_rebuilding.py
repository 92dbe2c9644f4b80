"""Whatever an operation returns is the same after its way as data of a result."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.cli.distance.rebuilding import rebuild, rebuild_error
from duplicati_client.operations.result import make_data, make_failure, name_member
from duplicati_client.protocol.catalogue import CATALOGUE

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=8)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
PLAIN = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(0, 10**15),
    float: st.floats(-1e9, 1e9),
    datetime: TIMES,
    types.NoneType: st.none(),
}
CASES = [
    (operation.name, kind, result)
    for operation in CATALOGUE.values()
    for kind, result in zip(operation.resource_types or (None,), operation.results, strict=False)
    if result != "object"
]


def make_strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Return values of a type, as the records of the operations use them."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if kind in (Any, object):
        return st.just({})
    if origin in (Union, types.UnionType):
        return st.one_of([make_strategy(one) for one in inner])
    if hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return st.builds(
            kind, **{name: make_strategy(hint) for name, hint in hints.items() if name != "raw"}, **raw(hints)
        )
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(TEXT, make_strategy(inner[1]), max_size=2)
    if origin is not None:
        return st.lists(make_strategy(inner[0]), max_size=2).map(origin)
    assert issubclass(kind, errors.DuplicatiClientError), kind
    return st.builds(errors.BackupNotFound, TEXT, hint=TEXT.filter(len))


def raw(hints: Mapping[str, Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {"raw": st.just({})} if "raw" in hints else {}


def find(result: str) -> Any:
    module, _, name = result.partition(".")
    return getattr(import_module(f"duplicati_client.operations.{module}"), name)


def show(value: Any) -> Any:
    """Return records as plain values: errors are compared by what they say."""
    return make_data(value)


@pytest.mark.parametrize(("operation", "kind", "result"), CASES)
@settings(max_examples=10)
@given(draw=st.data())
def test_what_an_operation_returns_comes_back_as_it_was(
    operation: str, kind: str | None, result: str, draw: st.DataObject
) -> None:
    value = draw.draw(make_strategy(find(result)))
    is_listing = operation in ("list", "logs", "watch")
    data = json.loads(json.dumps(make_data([value] if is_listing else value)))
    rebuilt = rebuild(operation, kind, data)
    found = rebuilt[0] if is_listing else rebuilt
    assert type(found) is type(value)
    assert show(found) == show(value)


@pytest.mark.parametrize(("operation", "kind", "result"), CASES)
@settings(max_examples=10)
@given(draw=st.data())
def test_whatever_a_daemon_says_is_a_record_or_not_understood(
    operation: str, kind: str | None, result: str, draw: st.DataObject
) -> None:
    names = [name_member(name) for name in find(result)._fields]
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
    values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2))
    members = draw.draw(st.dictionaries(st.sampled_from([*names, "Items", "Item"]), values, max_size=len(names)))
    for data in (members, {"Items": [members]}):
        with suppress(errors.NotUnderstood):
            found = rebuild(operation, kind, data)
            items = found if operation in ("list", "logs", "watch") else [found]
            assert all(isinstance(item, find(result)) for item in items)


@given(TEXT, st.none() | TEXT, st.sampled_from([errors.BackupNotFound, errors.ConnectionLost, errors.NotAllowed]))
def test_failure_is_the_same_error_again(
    message: str, hint: str | None, kind: type[errors.DuplicatiClientError]
) -> None:
    error = kind(message, hint=hint)
    found = rebuild_error(json.loads(json.dumps(make_failure(error))))
    assert type(found) is kind
    assert found.message == make_failure(error)["Message"]


def test_code_that_this_release_does_not_know_is_a_failure_of_the_server() -> None:
    assert type(rebuild_error({"Code": "of-next-year", "Message": "x"})) is errors.ServerFailed
    assert type(rebuild_error({})) is errors.ServerFailed
