"""The heartbeat: what it tells, what it passes on, and that nobody is told twice."""

from __future__ import annotations

import threading

from duplicati_client.daemon.heartbeat import BEAT_SECONDS, BUSY_SECONDS, Due, Heartbeat, Running
from duplicati_client.daemon.link import Away, Beat, CredentialRefused, LinkFailed
from duplicati_client.daemon.pace import Pace


class FakeLink:
    def __init__(self, *replies: Beat | LinkFailed) -> None:
        self.level: int | None = 1
        self.sent: list[tuple[list[dict[str, object]], str]] = []
        self._replies = list(replies)

    def heartbeat(self, running: list[dict[str, object]], state: str) -> Beat:
        self.sent.append((running, state))
        reply = self._replies.pop(0)
        if isinstance(reply, LinkFailed):
            raise reply
        return reply


def hearted(link: FakeLink, *running: Running) -> tuple[Heartbeat, list[str]]:
    cancelled: list[str] = []
    pace, beginning = Pace(lambda low, high: high), threading.Event()
    return Heartbeat(link, pace, lambda: running, cancelled.append, beginning), cancelled


def test_a_beat_tells_what_is_known_of_each_task_and_no_more() -> None:
    link = FakeLink(Beat())
    heart, _ = hearted(link, Running(1, "running", "Backup_ProcessingFiles", 0.5, 1000), Running("x", "uncertain"))
    heart.beat("running")
    one = {"ID": 1, "State": "running", "Phase": "Backup_ProcessingFiles", "Fraction": 0.5, "Bytes": 1000}
    assert link.sent == [([one, {"ID": "x", "State": "uncertain"}], "running")]


def test_a_cancel_is_passed_on_once_with_the_ids_type() -> None:
    link = FakeLink(Beat((7, "7")), Beat((7, "7")), Beat(("7",)), Beat((7,)))
    heart, cancelled = hearted(link)
    for _ in range(4):
        heart.beat("running")
    assert cancelled == ["i:7", "s:7", "i:7"]


def test_a_failed_beat_waits_its_time_and_stops_nothing() -> None:
    heart, cancelled = hearted(FakeLink(Away("x"), CredentialRefused("x"), Beat((1,))))
    assert [heart.beat("idle") for _ in range(3)] == [Due(30, 0), Due(60, 0), Due(0, BEAT_SECONDS, is_heard=True)]
    assert cancelled == ["i:1"]


def test_a_plain_server_hears_no_heartbeat() -> None:
    link = FakeLink()
    link.level = 0
    heart, _ = hearted(link)
    assert heart.beat("idle") == Due(BEAT_SECONDS, 0)
    assert link.sent == []


def test_the_interval_that_is_wished_is_kept_for_the_polls() -> None:
    heart, _ = hearted(FakeLink(Beat((), 90.0)))
    heart.beat("idle")
    assert heart.poll_after_seconds == 90


def test_while_a_task_is_under_way_it_beats_every_five_seconds_and_else_every_thirty() -> None:
    states = {"running": 5, "waiting-for-slot": 5, "waiting": 30, "waiting-for-duplicati": 30, "uncertain": 30}
    beats = {state: hearted(FakeLink(Beat()), Running(1, state))[0].beat("running").seconds for state in states}
    assert beats == states
    assert hearted(FakeLink(Beat()))[0].beat("running").seconds == 30


def test_what_begins_is_told_at_once_but_not_twice_within_five_seconds() -> None:
    heart, _ = hearted(FakeLink(Beat(), Beat(), Beat()), Running(1, "running"))
    assert heart.beat("running").hold_seconds == 0
    heart.beginning.set()
    assert heart.beat("running") == Due(BUSY_SECONDS, 0, is_heard=True)
    assert heart.beat("running") == Due(0, BUSY_SECONDS, is_heard=True)


def test_what_begins_while_the_task_server_is_away_hurries_nothing() -> None:
    heart, _ = hearted(FakeLink(Away("x")), Running(1, "running"))
    heart.beginning.set()
    assert heart.beat("running") == Due(30, 0)


def test_of_very_many_tasks_those_under_way_are_told_first() -> None:
    link = FakeLink(Beat())
    waiting = [Running(number, "waiting") for number in range(300)]
    hearted(link, *waiting, Running(300, "running"))[0].beat("running")
    told = [one["ID"] for one in link.sent[0][0]]
    assert told == [300, *range(199)]
