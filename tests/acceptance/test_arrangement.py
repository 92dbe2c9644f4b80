"""What the scripts need is arranged, or said to be missing before anything is made on the server."""

from __future__ import annotations

import os
import stat

import pytest

from tests.acceptance.arrangement import Arrangement, NotArrangeable
from tests.fakes import answer
from tests.unit.operations.one_server import server_of

UNSEEN = {"2.3.1.0": "The path does not exist", "2.0.8.1": "File or folder not found"}


@pytest.mark.parametrize("release", UNSEEN)
def test_folder_that_the_server_does_not_see_is_told_instead_of_every_run_failing(release, tmp_path):
    refusal = answer(404, {"Error": UNSEEN[release]})
    server, transport = server_of({"serverstate": {}, "filesystem/validate": refusal}, release=release)
    with pytest.raises(NotArrangeable, match="at the same path for the server"):
        Arrangement(server, tmp_path).make_backups("script", ("backup success",))
    assert transport.asked[-1] == "POST api/v1/filesystem/validate"


def test_files_to_back_up_can_be_read_by_a_server_that_runs_as_somebody_else(tmp_path):
    answers = {"serverstate": {}, "filesystem/validate": answer(200), "backups": {"ID": "1"}}
    server, _ = server_of(answers)
    before = os.umask(0o077)
    try:
        Arrangement(server, tmp_path).make_backups("script", ("backup success",))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes["file0.bin"] == 0o644
    assert modes["destination"] == 0o777
