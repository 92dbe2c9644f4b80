"""Operations as tasks: every parameter of the catalogue is heeded, and watching has an end."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.operations.perform import FOLLOWED, Performed, Request, perform
from duplicati_client.protocol.catalogue import CATALOGUE, Operation
from duplicati_client.protocol.task import Resource
from tests.unit.daemon.bench import Clock
from tests.unit.daemon.workbench import SmallServer, TurnedDuplicati

VALUES: dict[type, Any] = {bool: True, int: 1, float: 1.0, str: "3"}
# A task is followed in any case: a result has to say how it went.
ALWAYS_SO_IN_A_TASK = {(name, "wait") for name in FOLLOWED}


class Read(dict[str, Any]):
    """Parameters that know which of them were asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().__getitem__(name)


def serve() -> TurnedDuplicati:
    return TurnedDuplicati(SmallServer(Clock()))


def ask(operation: str, *resources: Resource, **parameters: Any) -> Performed:
    named = {name.replace("_", "-"): value for name, value in parameters.items()}
    return next(item for item in perform(serve(), Request(operation, resources, named)) if isinstance(item, Performed))


def find_read(operation: Operation) -> set[str]:
    """Return the parameters that are asked for, over every type of resource there is."""
    read: set[str] = set()
    for kind in operation.resource_types or ("",):
        parameters = Read({one.name: VALUES[one.kind] for one in operation.parameters})
        named = kind not in operation.whole_types
        resources = (Resource(kind, "3" if named else None),) if kind else ()
        with suppress(errors.DuplicatiClientError):  # not every one makes sense with every other
            list(perform(serve(), Request(operation.name, resources, parameters)))
        read |= parameters.names
    return read


@pytest.mark.parametrize("operation", CATALOGUE.values(), ids=lambda operation: operation.name)
def test_every_parameter_of_the_catalogue_is_heeded(operation: Operation) -> None:
    named = {one.name for one in operation.parameters}
    assert named - find_read(operation) == set()


def test_only_waiting_is_not_up_to_a_task() -> None:
    assert {(name, one.name) for name, op in CATALOGUE.items() for one in op.parameters if one.name == "wait"} == (
        ALWAYS_SO_IN_A_TASK
    )


def test_watching_ends_after_so_many_changes() -> None:
    assert [item["Event"] for item in ask("watch", count=1).data["Items"]] == ["state"]


def test_watching_until_idle_tells_what_has_ended() -> None:
    server = SmallServer(Clock())
    server.begin(5)
    request = Request("watch", (), {"until-idle": True})
    *rest, done = list(perform(TurnedDuplicati(server), request))
    assert set(rest) == {None}
    events = [item["Event"] for item in done.data["Items"]]
    assert events[0] == "state"
    assert "ended" in events
    assert done.data["Items"][-1]["View"]["Running"] is None


def test_watching_for_a_time_gives_what_was_seen_and_waiting_for_something_else_that_it_did_not_come() -> None:
    assert ask("watch", timeout=0.0).data["Items"]
    with pytest.raises(errors.WaitTimedOut):
        ask("watch", timeout=0.0, count=500)
    server = SmallServer(Clock())
    server.takes_seconds = None
    server.begin(5)
    with pytest.raises(errors.WaitTimedOut):
        list(perform(TurnedDuplicati(server), Request("watch", (), {"timeout": 0.0, "until-idle": True})))


def test_watching_for_no_change_at_all_is_refused() -> None:
    with pytest.raises(errors.InvalidValue, match="at least 1"):
        ask("watch", count=0)


def test_timeout_of_a_run_ends_the_waiting_and_not_the_run() -> None:
    server = SmallServer(Clock())
    server.takes_seconds = None
    with pytest.raises(errors.WaitTimedOut, match="the work goes on"):
        list(
            perform(TurnedDuplicati(server), Request("run", (Resource("backup", "3"),), {"wait": True, "timeout": 0.0}))
        )
    assert server.active is not None
