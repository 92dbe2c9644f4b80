"""Which backups a person means."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.operations.selection import match_backups, select_backup, select_backups
from duplicati_client.sdk.models import Backup
from tests.unit.operations.one_server import listed

BACKUPS = [Backup.read(raw) for raw in listed("Documents", "documents", "Photos", "3", "Mail *", "Mail Müller")]


def ids(*selectors: str) -> list[str]:
    return [backup.backup_id for backup in select_backups(BACKUPS, selectors)]


def test_exact_name_comes_before_one_in_other_letters() -> None:
    assert select_backup(BACKUPS, "Documents").backup_id == "1"
    assert select_backup(BACKUPS, "documents").backup_id == "2"
    assert select_backup(BACKUPS, "PHOTOS").backup_id == "3"


def test_name_that_looks_like_a_pattern_is_that_name_first() -> None:
    assert select_backup(BACKUPS, "Mail *").backup_id == "5"
    assert ids("Mail*") == ["5", "6"]


def test_id_and_name_that_are_the_same_text_are_ambiguous() -> None:
    with pytest.raises(errors.AmbiguousName) as caught:
        select_backup(BACKUPS, "3")
    assert "3 (Photos)" in caught.value.message
    assert "4 (3)" in caught.value.message


def test_other_letters_that_fit_several_are_ambiguous_and_never_chosen() -> None:
    for choose in (lambda: select_backup(BACKUPS, "DOCUMENTS"), lambda: select_backups(BACKUPS, ["DOCUMENTS"])):
        with pytest.raises(errors.AmbiguousName):
            choose()


def test_pattern_may_fit_several_and_each_is_given_once_in_the_order_asked() -> None:
    assert ids("Photos", "*o*", "1") == ["3", "1", "2"]
    assert ids("*MÜLLER") == ["6"]


def test_nothing_fits_and_the_nearest_name_is_suggested() -> None:
    with pytest.raises(errors.BackupNotFound) as caught:
        match_backups(BACKUPS, "Document")
    assert caught.value.hint == "did you mean “Documents”?"
    with pytest.raises(errors.BackupNotFound) as caught:
        match_backups([], "x")
    assert caught.value.hint == "duplicati list backups"


@pytest.mark.parametrize("selector", ["[", "[z-a]", "[!", "***", "[a--b]", "[\\]", "?" * 50])
def test_broken_pattern_fits_nothing_and_breaks_nothing(selector: str) -> None:
    with pytest.raises(errors.BackupNotFound):
        match_backups(BACKUPS[:1], selector if selector != "***" else "***x")
