"""How a copy gets its name: never over another file unless that is wanted, also where a file has one name only."""

from __future__ import annotations

import errno

import pytest

from duplicati_client.taskserver.copies import give_name


def refuse(*_):
    raise OSError(errno.EPERM, "no second names here")


@pytest.fixture
def partial(tmp_path):
    path = tmp_path / "partial"
    path.write_text("new")
    return str(path)


@pytest.mark.parametrize("more", [{}, {"link": refuse}])
def test_a_name_that_is_free_is_given(partial, tmp_path, more):
    give_name(partial, str(tmp_path / "copy"), may_replace=False, **more)
    assert (tmp_path / "copy").read_text() == "new"


@pytest.mark.parametrize("more", [{}, {"link": refuse}])
def test_a_name_that_is_taken_stays_with_what_has_it(partial, tmp_path, more):
    (tmp_path / "copy").write_text("old")
    with pytest.raises(OSError, match=r"exist|second"):
        give_name(partial, str(tmp_path / "copy"), may_replace=False, **more)
    assert (tmp_path / "copy").read_text() == "old"


def test_a_link_that_has_the_name_is_replaced_and_not_followed(partial, tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "copy").symlink_to(tmp_path / "elsewhere")
    give_name(partial, str(tmp_path / "copy"), may_replace=True)
    assert ((tmp_path / "copy").read_text(), (tmp_path / "elsewhere").read_text()) == ("new", "mine")
