"""More tasks than a daemon has room for, by number and by bytes; a plain task server is answered before it is asked."""

from __future__ import annotations

from pathlib import Path

from tests.unit.daemon.loopbench import LoopBench

FAR = "2099-01-01T00:00:00Z"
RUN = {"Operation": "run", "Resources": [{"Type": "backup", "ID": 3}]}
LOG = {"Operation": "list", "Resources": [{"Type": "setting"}]}
MEBIBYTE = 1024 * 1024


def test_what_there_is_no_room_for_stays_with_the_task_server_and_comes_as_soon_as_there_is(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon")
    bench.edit("[limits]\nin_flight = 100\n[policy]", "[policy]")
    bench.restart()
    bench.tasks.give(*({"ID": number, **LOG} for number in range(240)))
    waits = []
    while not all(given.terminal for given in bench.tasks.given):
        waits.append(bench.daemon.take_turn())
        bench.clock.seconds += max(0.5, waits[-1])
        bench.pump()
        assert len(waits) < 20
    assert max(given.offered_count for given in bench.tasks.given) == 1
    assert sum(waits) < 10
    assert len(bench.tell("no-new-tasks")) <= 1


def test_large_tasks_are_taken_until_they_fill_the_journal(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon")
    names = [{"Type": "backup", "Name": f"{number} {'x' * 1000}"} for number in range(100)]
    bench.tasks.give(*({"ID": number, **RUN, "Resources": names, "NotBefore": FAR} for number in range(120)))
    for _ in range(5):
        bench.turn()
        bench.clock.seconds += 200
    open_count = bench.snapshot()["tasks"]["open_count"]
    assert 70 < open_count < 100
    assert f"{open_count} are open" in bench.tell("no-new-tasks")[0]
    assert 8 * MEBIBYTE < bench.daemon.parts.journal.open_bytes < 9 * MEBIBYTE
    bench.tasks.cancelled = list(range(open_count))
    bench.daemon._heartbeat.beat("running")
    bench.pump()
    bench.turn()
    assert bench.snapshot()["tasks"]["open_count"] > 0
    assert len(bench.tasks.find_results(open_count, "accepted")) == 1


def test_start_with_many_tasks_tells_how_many_there_are_and_not_each(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon")
    bench.tasks.give(*({"ID": number, **RUN, "NotBefore": FAR} for number in range(60)))
    bench.turn()
    bench.told.clear()
    bench.restart()
    assert bench.tell("recovered") == ["open tasks found in the journal to go on with: 60"]
    assert bench.tell("task") == []
    assert len(bench.daemon.list_running()) == 60


def test_plain_task_server_is_not_asked_again_while_its_tasks_are_being_answered(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon", level=0)
    bench.tasks.give({"ID": 1, **LOG})
    assert bench.daemon.take_turn() == 0.0
    for _ in range(5):
        assert 0.0 < bench.daemon.take_turn() < 1.0
    assert bench.tasks.counts["tasks"] == 1
    bench.pump()
    bench.daemon.take_turn()
    assert (bench.tasks.counts["status"], bench.tasks.counts["tasks"]) == (2, 1)
    assert bench.end_of(1)["Status"] == "completed"


def test_plain_task_server_is_asked_at_its_time_even_while_something_is_being_answered(tmp_path: Path) -> None:
    bench = LoopBench(tmp_path / "daemon", level=0)
    bench.tasks.give({"ID": 1, **LOG})
    bench.daemon.take_turn()
    bench.clock.seconds += 31
    bench.daemon.take_turn()
    assert bench.tasks.counts["status"] == 2
