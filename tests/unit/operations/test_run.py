"""Running a backup before what waits already."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.operations import run
from duplicati_client.sdk.client import Duplicati
from tests.fakes import FakeTransport
from tests.unit.operations.one_server import listed, server_of


def queueing(*backup_ids: str) -> tuple[Duplicati, FakeTransport]:
    waiting = [{"Item1": number, "Item2": backup_id} for number, backup_id in enumerate(backup_ids, 8)]
    state = {"ActiveTask": {"Item1": 7, "Item2": "9"}, "SchedulerQueueIds": waiting}
    backups = listed("Documents", "Photos")
    paths = {"backup/2": backups[1], "backup/2/log": [], "backup/2/run": {"Status": "OK", "ID": 12}}
    return server_of({"serverstate": state, "backups": backups, "notifications": [], "progressstate": {}, **paths})


def test_backup_that_waits_behind_others_cannot_be_moved_forward_and_nothing_is_sent() -> None:
    server, transport = queueing("1", "2")
    with pytest.raises(errors.Busy, match="task 9 of this backup waits already, behind 1 more"):
        run.start(server, server.backups.list()[1], skip_queue=True)
    assert not any(line.startswith("POST") for line in transport.asked)


@pytest.mark.parametrize("waiting", [(), ("1",), ("2", "1")])
def test_backup_that_does_not_wait_or_waits_first_is_asked_for(waiting: tuple[str, ...]) -> None:
    server, transport = queueing(*waiting)
    run.start(server, server.backups.list()[1], skip_queue=True)
    assert "POST api/v1/backup/2/run?skipQueue=true" in transport.asked
