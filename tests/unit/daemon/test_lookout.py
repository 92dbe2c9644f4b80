"""When servers are looked at beside the tasks, and who hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.daemon.lookout import Lookout
from tests.unit.daemon.loopbench import LoopBench

REFUSED = errors.LoginRefused("the password is wrong")


class FakeRuling:
    """A policy that goes by names, or does not."""

    def __init__(self) -> None:
        self.goes_by_names = True

    def needs_names(self) -> bool:
        return self.goes_by_names


class FakeWorker:
    """A worker that finds its server worth a look, or knows why it is not."""

    def __init__(self) -> None:
        self.failure: errors.DuplicatiClientError | None = None
        self.heard: list[errors.DuplicatiClientError | None] = []

    def is_worth_a_look(self) -> bool:
        return self.failure is None

    def note_look(self, failure: errors.DuplicatiClientError | None) -> None:
        self.heard.append(failure)


class Stage:
    def __init__(self, bench: LoopBench) -> None:
        self.bench, self.ruling, self.worker = bench, FakeRuling(), FakeWorker()
        self.looked: list[str] = []
        parts = bench.daemon.parts._replace(look=self._look)
        self.lookout = Lookout(parts, self.ruling, {"main": self.worker})

    def _look(self, alias: str) -> errors.DuplicatiClientError | None:
        self.looked.append(alias)
        return None


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(LoopBench(tmp_path / "daemon"))


def test_names_are_learnt_once_and_again_when_the_policy_may_be_another(stage: Stage) -> None:
    stage.lookout.learn_names()
    stage.lookout.learn_names()
    assert stage.looked == ["main"]
    stage.lookout.forget()
    stage.lookout.learn_names()
    assert stage.looked == ["main", "main"]
    assert stage.worker.heard == [None, None]


def test_policy_without_names_at_a_plain_task_server_has_no_server_looked_at(stage: Stage) -> None:
    stage.ruling.goes_by_names = False
    stage.lookout.learn_names()
    stage.lookout.look()
    assert stage.looked == []
    stage.bench.turn()
    assert stage.bench.daemon.parts.link.level == 1
    stage.lookout.look()
    assert stage.looked == ["main"]


def test_server_that_is_not_worth_a_look_is_told_of_as_its_worker_knows_it(stage: Stage) -> None:
    stage.worker.failure = REFUSED
    stage.bench.turn()
    stage.lookout.look()
    assert stage.looked == []
    assert stage.bench.tasks.inventories[-1]["Servers"][0]["Code"] == "login-refused"
