"""Whatever contexts are called, renaming and removing one changes that one and nothing else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duplicati_client.cli.configuration import load
from duplicati_client.cli.tomltext import find_line, remove, rename_table, set_key

names = st.text(min_size=1, max_size=6).filter(lambda name: name.isprintable()) | st.sampled_from(
    ["a.b", "a]b", "a[b", 'a"b', "a'b", "a#b", "contexts", "url", "=", "ü", "a b"]
)
urls = st.text(max_size=12).filter(lambda text: "\ud800" not in text)
tables = st.dictionaries(names, urls, min_size=1, max_size=4)
remarks = st.sampled_from(["", "# one\n", "\n# a [contexts.a] = b\n\n"])


def write(contexts: dict[str, str], remark: str) -> str:
    text = remark
    for name, url in contexts.items():
        text = set_key(text, ("contexts", name, "url"), url) + remark
    return text


@given(tables, names, remarks, st.data())
def test_a_renamed_table_is_the_only_difference_and_can_be_renamed_back(
    contexts: dict[str, str], new: str, remark: str, data: st.DataObject
) -> None:
    old = data.draw(st.sampled_from(list(contexts)))
    if new in contexts:
        return
    text = write(contexts, remark)
    renamed = rename_table(text, ("contexts", old), new)
    wanted = {new if name == old else name: {"url": url} for name, url in contexts.items()}
    assert tomllib.loads(renamed)["contexts"] == wanted
    assert rename_table(renamed, ("contexts", new), old) == text


@given(tables, remarks, st.data())
def test_a_removed_table_leaves_the_others_and_every_remark(
    contexts: dict[str, str], remark: str, data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(list(contexts)))
    text = write(contexts, remark)
    after = remove(text, ("contexts", gone))
    assert tomllib.loads(after).get("contexts", {}) == {
        name: {"url": url} for name, url in contexts.items() if name != gone
    }
    assert after.split("\n").count("# one") == text.split("\n").count("# one")


@given(tables, remarks)
def test_the_line_of_a_key_is_where_it_stands(contexts: dict[str, str], remark: str) -> None:
    text = write(contexts, remark)
    for name, url in contexts.items():
        line = find_line(text, ("contexts", name, "url"))
        assert line is not None
        assert tomllib.loads(text.split("\n")[line - 1]) == {"url": url}
    assert find_line(text, ("contexts", "nobody has this name", "url")) is None


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configuration") / "config.toml"


@given(tables, st.lists(names, max_size=4), names, st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_groups_follow_a_rename_and_a_removal(
    path: Path, contexts: dict[str, str], members: list[str], new: str, data: st.DataObject
) -> None:
    old = data.draw(st.sampled_from(list(contexts)))
    if new in contexts or new == "office":
        return
    text = set_key(write(contexts, ""), ("groups", "office"), members)
    path.write_text(set_key(text, ("current",), old), encoding="utf-8", newline="")
    now: Any = load(str(path)).rename_context(old, new).data
    assert now["current"] == new
    assert now["groups"]["office"] == [new if name == old else name for name in members]
    after: Any = load(str(path)).remove_context(new).data
    left = [name for name in members if name not in (old, new)]
    assert after.get("groups", {}).get("office", []) == left
    assert "current" not in after
