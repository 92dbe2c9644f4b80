"""What a failure is about: a server that is away, one that lets nobody in, one request, or the task itself."""

from __future__ import annotations

import pytest

from duplicati_client import errors
from duplicati_client.daemon.absence import Trouble, weigh


@pytest.mark.parametrize("is_doubtful", [False, True])
@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (errors.ConnectionRefused("nobody there"), Trouble.AWAY),
        (errors.NotDuplicati("a login page"), Trouble.AWAY),
        (errors.LoginRefused("wrong password"), Trouble.REFUSED),
        (errors.InputOutputFailed("no room"), Trouble.STORAGE),
        (errors.ServerFailed("status 500"), Trouble.FAILING),
        (errors.NotUnderstood("the answer is damaged"), Trouble.FAILING),
        (errors.Overloaded("status 503"), Trouble.FAILING),
        (errors.Busy("it waits in the queue"), Trouble.FINAL),
        (errors.BackupNotFound("no such backup"), Trouble.FINAL),
    ],
)
def test_failure_ends_a_task_only_where_it_is_an_answer(
    failure: errors.DuplicatiClientError, trouble: Trouble, is_doubtful: bool
) -> None:
    assert weigh(failure, is_doubtful=is_doubtful) is trouble


def test_locked_log_is_looked_at_again_by_who_is_in_doubt() -> None:
    locked = errors.DatabaseLocked("in use")
    assert weigh(locked, is_doubtful=True) is Trouble.FAILING
    assert weigh(locked, is_doubtful=False) is Trouble.FINAL
