"""The folder of a store: nobody else's, whatever the umask, and one task server's at a time."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import pytest

from duplicati_client.taskserver.errors import FolderHeld, PlaceUnusable
from duplicati_client.taskserver.places import Lock, make_private, prepare_folder


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o177])
def umask(request) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_folder_and_files_are_for_their_owner_whatever_the_umask_is(umask, tmp_path):
    folder = str(tmp_path / "data")
    place = prepare_folder(folder)
    make_private(place)
    assert (mode_of(folder), mode_of(place)) == (0o700, 0o600)


def test_a_file_that_others_could_read_is_theirs_no_more(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"kept")
    path.chmod(0o644)
    make_private(str(path))
    assert (mode_of(path), path.read_bytes()) == (0o600, b"kept")


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / "store.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PlaceUnusable):
        make_private(str(tmp_path / "store.db"))


def test_a_folder_that_others_may_enter_is_refused(tmp_path):
    tmp_path.chmod(0o755)
    with pytest.raises(PlaceUnusable, match="others may enter"):
        prepare_folder(str(tmp_path))


def test_a_folder_has_one_task_server(tmp_path):
    lock = Lock(str(tmp_path))
    with pytest.raises(FolderHeld):
        Lock(str(tmp_path))
    lock.close()
    Lock(str(tmp_path)).close()
