"""Checks any daemon by its command: `python -m tests.conformance.daemon -- COMMAND {url}`; README.md tells more."""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.exchange import Tally
from tests.task_server import Fault, TaskServer

TERMINAL = ("refused", "completed", "error")
BAD = {
    "a member of its own": {"ID": "b1", "Operation": "status", "Unknown": 1},
    "no operation": {"ID": "b2"},
    "a resource that is none": {"ID": "b3", "Operation": "get", "Resources": [7]},
    "an id that steers the address": {"ID": "b4", "Operation": "get", "Resources": [{"Type": "backup", "ID": "../1"}]},
    "a parameter of another type": {"ID": "b5", "Operation": "logs", "Parameters": {"count": "many"}},
    "a parameter that is not known": {"ID": "b6", "Operation": "status", "Parameters": {"url": "http://e"}},
    "a time that is none": {"ID": "b7", "Operation": "status", "NotAfter": "soon"},
}
UNANSWERABLE = [7, None, "text", [], {"Operation": "status"}, *({"ID": i, "Operation": "status"} for i in (
    7.5, True, None, "", "..", "a/b", "a" * 129, [1]))]  # fmt: skip
PORTAL = b"<html>log in first</html>"


class Play:
    """One daemon at one task server."""

    def __init__(self, server: TaskServer, tally: Tally, seconds: float) -> None:
        self.server, self.tally, self.seconds = server, tally, seconds
        self._quiet_seconds = seconds / 20

    def wait(self, holds: Callable[[], Any]) -> Any:
        """Wait for something; None when it does not come."""
        try:
            return self.server.wait_for(holds, self.seconds)
        except AssertionError:
            return None

    def give_and_wait(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give a task and return its terminal result, empty where none came."""
        self.server.give(task)
        found = self.wait(lambda: self.server.find_results(task["ID"], *TERMINAL))
        return found[0] if found else {}

    def settle(self) -> None:
        """Let pass what may still come."""
        time.sleep(self._quiet_seconds)


def check_daemon(play: Play) -> None:
    """Go through everything that holds at both levels; a daemon that never polls is asked nothing more."""
    is_there = play.wait(lambda: play.server.counts["status"])
    if not play.tally.check(is_there, "the daemon polls api/tasks/status"):
        return
    _check_answers(play)
    _check_bad_tasks(play)
    _check_repeats(play)
    _check_faults(play)
    play.settle()
    play.tally.check(not play.server.complaints, "every result names a task and its ID's type", play.server.complaints)
    if play.server.level:
        _check_level_1(play)
    else:
        bare = [seen for seen in play.server.requests if seen.route not in ("status", "tasks", "result")]
        play.tally.check(not bare, "at level 0 nothing of level 1 is asked for", [seen.target for seen in bare[:3]])


def _check_answers(play: Play) -> None:
    tally, server = play.tally, play.server
    tally.check(not server.counts["tasks"], "at 304 nothing is fetched", server.counts)
    for task_id in (101, "101-text", "a.b_c:d-e"):
        result = play.give_and_wait({"ID": task_id, "Operation": "status"})
        tally.check(type(result.get("ID")) is type(task_id), f"the ID {task_id!r} is echoed in its type", result)
        tally.check(result.get("Status") in ("completed", "error"), "a task that is allowed is carried out", result)
    result = play.give_and_wait({"ID": "unknown-1", "Operation": "no-such-operation"})
    code = (result.get("Data") or {}).get("Code")
    tally.check((result.get("Status"), code) == ("refused", "prohibited"), "what nobody knows is prohibited", result)
    play.settle()
    for task_id in (101, "101-text", "a.b_c:d-e", "unknown-1"):
        states = [result["Status"] for result in server.find_results(task_id)]
        tally.check(sum(state in TERMINAL for state in states) == 1, f"{task_id!r} ends exactly once", states)
        tally.check("accepted" not in states[1:], "accepted comes before the end or not at all", states)


def _check_bad_tasks(play: Play) -> None:
    tally, server = play.tally, play.server
    server.give(*UNANSWERABLE, *BAD.values(), {"ID": "good-1", "Operation": "status"})
    good = play.wait(lambda: server.find_results("good-1", *TERMINAL))
    tally.check(good, "one bad item does not stop the others")
    for what, task in BAD.items():
        found = play.wait(lambda task=task: server.find_results(task["ID"], *TERMINAL)) or [{}]
        code = (found[0].get("Data") or {}).get("Code")
        tally.check(
            (found[0].get("Status"), code) == ("refused", "malformed"), f"a task with {what} is malformed", found
        )
    known = {str(given.item["ID"]) for given in server.given if isinstance(given.item, dict) and given.is_answered}
    foreign = [result for result in server.results if str(result.get("ID")) not in known]
    tally.check(not foreign, "what has no usable ID is answered by nothing", foreign)
    with server.lock:
        server.given = [given for given in server.given if given.is_answered]


def _check_repeats(play: Play) -> None:
    tally, server = play.tally, play.server
    lost = server.fault("result", cut="after", times=2)
    task = {"ID": "repeat-1", "Operation": "status"}
    server.give(task)
    again = play.wait(lambda: lost.fired_count == 2 and _is_told_thrice(server, "repeat-1"))
    play.settle()
    ends = server.find_results("repeat-1", *TERMINAL)
    tally.check(
        again and all(end == ends[0] for end in ends), "a result whose receipt was lost is sent again as it was", ends
    )
    with server.lock:
        server.given = [given for given in server.given if given.item != task]
    before = len(server.find_results("repeat-1", *TERMINAL))
    server.give(task)
    found = play.wait(lambda: server.find_results("repeat-1", *TERMINAL)[before:])
    tally.check(found and found[0] == ends[0], "a task offered again gets the result it had", found)


def _is_told_thrice(server: TaskServer, task_id: str) -> bool:
    """Say whether a third result has come, after two that were cut off, and the last of them is an end."""
    told = server.find_results(task_id, "accepted", *TERMINAL)
    return len(told) >= 3 and told[-1]["Status"] in TERMINAL


def _check_faults(play: Play) -> None:
    levels = [("Duplicati-Task-Protocol", "1")] if play.server.level else []
    elsewhere = [("Location", f"{play.server.url}/api/elsewhere"), *levels]
    for rule, route, what in (
        ("a portal's page is no list of tasks", "tasks", {"body": PORTAL}),
        ("half a list is no list", "tasks", {"cut": "inside"}),
        ("a compressed list is not read", "tasks", {"is_gzip": True}),
        ("a server that fails is asked again", "tasks", {"status": 500, "body": b""}),
        ("an error does not end a result", "result", {"status": 503, "body": b""}),
        ("a redirect does not end the daemon", "tasks", {"status": 302, "headers": elsewhere, "body": b""}),
        ("a 303 with a Location is still a signal", "status", {"status": 303, "headers": elsewhere, "body": b""}),
    ):
        _check_fault(play, rule, play.server.fault(route, **what))
    if play.server.level:
        _check_fault(play, "a 200 without a receipt confirms nothing", play.server.fault("result", body=PORTAL))
    play.settle()
    followed = [seen for seen in play.server.requests if "elsewhere" in seen.target]
    play.tally.check(not followed, "no redirect is followed, 303 neither", followed)


def _check_fault(play: Play, rule: str, fault: Fault) -> None:
    result = play.give_and_wait({"ID": f"fault-{len(play.server.requests)}", "Operation": "status"})
    if play.wait(lambda: fault.fired_count):
        play.tally.check(result, rule, play.server.counts)
    else:
        fault.end()
        play.tally.skip(rule, "the daemon never asked for it")


def _check_level_1(play: Play) -> None:
    tally, server = play.tally, play.server
    with server.lock:
        requests = list(server.requests)
    said = [seen.headers.get("duplicati-task-protocol") for seen in requests]
    tally.check(set(said) == {"1"}, "every request says Duplicati-Task-Protocol: 1", set(said))
    instances = {seen.headers.get("duplicati-instance") for seen in requests}
    tally.check(len(instances) == 1 and None not in instances, "every request names the same instance", instances)
    polls = [seen.headers for seen in requests if seen.route == "status"]
    tally.check(any("wait=" in headers.get("prefer", "") for headers in polls), "polls are long")
    tally.check(any("if-none-match" in headers for headers in polls), "polls are conditional")
    result = play.give_and_wait({"ID": "attempt-1", "Operation": "status", "Attempt": 3})
    tally.check(result.get("Attempt") == 3, "Attempt comes back in the result", result)
    tally.check(play.wait(lambda: server.heartbeats), "the daemon sends heartbeats")


def _check_death(play: Play, command: list[str], process: subprocess.Popen[bytes]) -> None:
    """Kill the daemon between `accepted` and the start of a task, and start it again."""
    rule, server = "a task that was accepted before the daemon was killed ends after its next start", play.server
    begins_at = datetime.now(UTC) + timedelta(seconds=play.seconds / 7)
    server.give({"ID": "killed-1", "Operation": "status", "NotBefore": f"{begins_at:%Y-%m-%dT%H:%M:%SZ}"})
    answered = play.wait(lambda: server.find_results("killed-1"))
    process.kill()
    process.wait()
    if not answered or answered[0]["Status"] != "accepted":
        play.tally.skip(rule, "it was not accepted before its end")
        return
    play.tally.check(not server.find_results("killed-1", *TERMINAL), "nothing begins before NotBefore", answered)
    with running(command):
        play.wait(lambda: server.find_results("killed-1", *TERMINAL))
        play.settle()
    ends = server.find_results("killed-1", *TERMINAL)
    play.tally.check(ends and all(end == ends[0] for end in ends), rule, ends)


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon until the block ends; ends exactly that process."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def check_command(command: list[str], level: int, tally: Tally, seconds: float, token: str | None = None) -> None:
    """Start a daemon, `{url}` in its command replaced, and check it at one level."""
    with TaskServer(level=level, token=token) as server:
        server.lease_seconds = seconds / 20  # what was in a spoilt answer is offered again after that
        filled = [part.replace("{url}", server.url).replace("{level}", str(level)) for part in command]
        play = Play(server, tally, seconds)
        with running(filled) as process:
            check_daemon(play)
            if tally.check(process.poll() is None, "the daemon still runs", process.returncode):
                _check_death(play, filled, process)


def main() -> int:
    """Read the command line, check, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.daemon", description=__doc__)
    parser.add_argument("--level", type=int, choices=(0, 1), action="append", help="both unless given")
    parser.add_argument("--token", help="the bearer token that the daemon was given; a test's, not a secret")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to wait for each thing")
    parser.add_argument("command", nargs="+", help="starts the daemon in the foreground")
    options, tally = parser.parse_args(), Tally()
    for level in options.level or (0, 1):
        check_command(options.command, level, tally, options.seconds, options.token)
    return tally.end()


if __name__ == "__main__":
    raise SystemExit(main())
