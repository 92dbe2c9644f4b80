"""Which backups a selector means: an id or exact name always wins, nothing is chosen silently, nothing breaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.operations.selection import is_pattern, match_backups, select_backup, select_backups
from duplicati_client.sdk.models import Backup

names = st.text(max_size=6) | st.sampled_from(
    ["Documents", "documents", "DOCUMENTS", "Photos", "1", "2", "*", "a*", "[a", "[z-a]", "", "ß", "SS"]
)
patterns = names | st.text("*?[]!-abAB\\", max_size=8)


def make(found: list[str]) -> list[Backup]:
    return [Backup.read({"Backup": {"ID": str(number), "Name": name}}) for number, name in enumerate(found, 1)]


@given(st.lists(names, max_size=6), patterns)
@settings(max_examples=300)
def test_any_selector_finds_something_or_tells_that_there_is_nothing(found: list[str], selector: str) -> None:
    backups = make(found)
    try:
        matched = match_backups(backups, selector)
    except errors.BackupNotFound:
        assert selector not in found
        assert selector not in [backup.backup_id for backup in backups]
        return
    assert matched
    assert all(backup in backups for backup in matched)
    assert len({backup.backup_id for backup in matched}) == len(matched)


@given(st.lists(names, min_size=1, max_size=6, unique_by=lambda name: name.casefold()), st.data())
def test_exact_name_and_id_select_their_backup_also_when_they_look_like_patterns(
    found: list[str], data: st.DataObject
) -> None:
    backups = make(found)
    wanted = data.draw(st.sampled_from(backups))
    others = [b.name for b in backups if b is not wanted]
    if wanted.backup_id not in others:
        assert select_backup(backups, wanted.backup_id).backup_id == wanted.backup_id
    if wanted.name not in [b.backup_id for b in backups]:
        assert select_backup(backups, wanted.name) is wanted


@given(st.lists(names, max_size=6), patterns)
@settings(max_examples=200)
def test_one_is_chosen_only_where_one_fits(found: list[str], selector: str) -> None:
    backups = make(found)
    try:
        matched = match_backups(backups, selector)
    except errors.BackupNotFound:
        matched = []
    if len(matched) == 1:
        assert select_backup(backups, selector) == matched[0]
        return
    with pytest.raises(errors.AmbiguousName if matched else errors.BackupNotFound) as caught:
        select_backup(backups, selector)
    assert not matched or str(len(matched)) in caught.value.message


@given(st.lists(names, max_size=6), st.lists(patterns, max_size=4))
@settings(max_examples=200)
def test_several_selectors_give_each_backup_once(found: list[str], selectors: list[str]) -> None:
    backups = make(found)
    try:
        chosen = select_backups(backups, selectors)
    except (errors.BackupNotFound, errors.AmbiguousName):
        return
    assert len({backup.backup_id for backup in chosen}) == len(chosen)
    expected = {b.backup_id for selector in selectors for b in match_backups(backups, selector)}
    assert {backup.backup_id for backup in chosen} == expected


@pytest.mark.parametrize("selector", ["*", "?", "[ab]*"])
def test_marks_make_a_pattern(selector: str) -> None:
    assert is_pattern(selector)
    assert not is_pattern("Documents (2)")
