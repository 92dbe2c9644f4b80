"""Dismissing: what went, what was gone, what is left, and what comes meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.http import Request
from duplicati_client.operations import dismiss
from duplicati_client.sdk.client import Duplicati
from tests.fakes import FakeTransport, Reply, answer
from tests.unit.operations.one_server import listed, server_of


def notice(number: int, *, kind: str = "Error", backup_id: str | None = "1", at: str = "10:00:00") -> dict[str, Any]:
    return {
        "ID": number,
        "Type": kind,
        "Title": f"{kind} {number}",
        "Message": "file:///x?auth-password=geheim",
        "BackupID": backup_id,
        "Timestamp": f"2026-11-24T{at}Z",
    }


class Board:
    """A server's notifications; `rival_id` goes and `meanwhile` comes with the first that goes; `keeps`: words only."""

    def __init__(self, *notices: dict[str, Any]) -> None:
        self.notices = list(notices)
        self.meanwhile: list[dict[str, Any]] = []
        self.keeps = False
        self.names: tuple[str, ...] = ("Documents", "Photos")
        self.rival_id = 0

    def open(self, *, release: str = "2.3.1.0") -> tuple[Duplicati, FakeTransport]:
        paths: dict[str, object] = {
            "notifications": lambda _: answer(200, self.notices),
            "serverstate": lambda _: answer(200, {f"Has{kind}": self._has(kind) for kind in ("Warning", "Error")}),
            "backups": listed(*self.names),
        }
        paths |= {f"notification/{number}": self._delete for number in range(1, 10)}
        return server_of(paths, release=release)

    def _has(self, kind: str) -> bool:
        return any(found["Type"] == kind for found in self.notices)

    def _delete(self, request: Request) -> Reply:
        number = int(request.path.rpartition("/")[2])
        if not any(found["ID"] == number for found in self.notices):
            return answer(404, {"Error": "Notification not found", "Code": 404})
        if not self.keeps:
            self.notices = [found for found in self.notices if found["ID"] not in (number, self.rival_id)]
        self.notices += self.meanwhile
        self.meanwhile = []
        return answer(200)


@pytest.mark.parametrize("release", ["2.3.1.0", "2.0.8.1"])
def test_named_ones_go_once_and_what_is_left_is_read_back(release: str) -> None:
    server, transport = Board(notice(2, kind="Warning"), notice(3), notice(5)).open(release=release)
    done = dismiss.dismiss_by_id(server, [3, 2, 3, 9])
    assert [found.notification_id for found in done.dismissed] == [3, 2]
    assert (done.gone_ids, done.left_count, done.has_warning, done.has_error) == ((9,), 1, False, True)
    assert [asked for asked in transport.asked if asked.startswith("DELETE")] == [
        "DELETE api/v1/notification/3",
        "DELETE api/v1/notification/2",
    ]


def test_one_that_somebody_else_dismisses_first_is_told_as_gone() -> None:
    board = Board(notice(2), notice(3))
    board.rival_id = 3
    done = dismiss.dismiss_by_id(board.open()[0], [2, 3])
    assert ([found.notification_id for found in done.dismissed], done.gone_ids, done.left_count) == ([2], (3,), 0)


def test_those_of_a_backup_go_and_no_others() -> None:
    server, _ = Board(notice(1, backup_id=None), notice(2), notice(3, backup_id="2"), notice(4)).open()
    done = dismiss.dismiss_of_backups(server, ["Documents"])
    assert [found.notification_id for found in done.dismissed] == [2, 4]
    assert done.left_count == 2


def test_pattern_may_fit_several_backups() -> None:
    server, _ = Board(notice(2), notice(3, backup_id="2"), notice(4, backup_id="7")).open()
    assert [found.notification_id for found in dismiss.dismiss_of_backups(server, ["*o*"]).dismissed] == [2, 3]


def test_those_of_a_backup_that_is_gone_are_found_by_its_id() -> None:
    server, _ = Board(notice(2), notice(4, backup_id="7")).open()
    assert [found.notification_id for found in dismiss.dismiss_of_backups(server, ["7"]).dismissed] == [4]
    with pytest.raises(errors.BackupNotFound):
        dismiss.dismiss_of_backups(server, ["8"])


def test_nothing_goes_if_one_backup_is_not_there() -> None:
    server, transport = Board(notice(2)).open()
    with pytest.raises(errors.BackupNotFound):
        dismiss.dismiss_of_backups(server, ["Documents", "Nothing"])
    assert not any(asked.startswith("DELETE") for asked in transport.asked)


def test_one_that_comes_under_the_number_of_a_dismissed_one_stays_and_counts() -> None:
    board = Board(notice(2))
    board.meanwhile = [notice(2, at="10:00:07")]
    done = dismiss.dismiss_all(board.open()[0])
    assert ([found.notification_id for found in done.dismissed], done.left_count, done.has_error) == ([2], 1, True)


def test_server_that_only_says_so_is_not_believed() -> None:
    board = Board(notice(2))
    board.keeps = True
    with pytest.raises(errors.ServerFailed):
        dismiss.dismiss_all(board.open()[0])


def test_secrets_in_what_went_are_hidden() -> None:
    done = dismiss.dismiss_all(Board(notice(2)).open()[0])
    assert "geheim" not in done.dismissed[0].message
