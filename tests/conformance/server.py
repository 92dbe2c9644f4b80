"""Checks any task server: `python -m tests.conformance.server URL --give 'COMMAND'`; README.md tells more."""

from __future__ import annotations

import argparse
import json
import queue
import secrets
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.conformance.exchange import Answer, Peer, Tally

Give = Callable[[dict[str, Any]], Any]
"""Puts a task into the queue and returns the ID that it has there, None for the one that is in it."""
RECORDED = ("recorded", "duplicate", "late", "conflict", "orphan", "stale")


def check_level_0(peer: Peer, give: Give, tally: Tally, *, has_leases: bool = False) -> None:
    """Check the plain protocol; gives tasks `status`, which a daemon may refuse or do."""
    _settle(peer)
    status = peer.ask("GET", "api/tasks/status")
    tally.check(status.status == 304, "status is 304 while there is nothing to fetch", status.status)
    tally.check(status.body == b"", "a 304 is empty", status.body)
    for kind, wanted in (("number", secrets.randbelow(2**31)), ("text", f"c-{secrets.token_hex(4)}:a.b_c")):
        task_id = _give(give, wanted)
        if type(task_id) is type(wanted):
            _check_one(peer, task_id, kind, tally, has_leases=has_leases)
        else:
            tally.skip(f"a task whose ID is a {kind}", "the server gives its own IDs")
            _settle(peer)
    for final in ("refused", "completed", "error"):
        task_id = _give(give)
        peer.list_tasks()
        answer = peer.report(task_id, final, Data={"Code": "conformance"})
        tally.check(answer.status == 200, f"{final} is taken without accepted before it", answer.status)
        tally.check(not _offers(peer, task_id), f"a task that is {final} is offered no more")
    first, second = _give(give), _give(give)
    order = [item.get("ID") for item in peer.list_tasks() if isinstance(item, dict)]
    tally.check([i for i in order if i in (first, second)] == [first, second], "tasks are offered oldest first", order)
    peer.report(first, "refused", Data={"Code": "conformance"})
    status = peer.ask("GET", "api/tasks/status").status
    tally.check(status == 303 or has_leases, "status stays 303 while another task waits", status)
    peer.report(second, "refused", Data={"Code": "conformance"})
    tally.check(peer.ask("GET", "api/tasks/status").status == 304, "status is 304 again when all are answered")


def _give(give: Give, wanted: Any = None) -> Any:
    """Put a task `status` into the queue and return its ID: the one that was wanted, unless the server has its own."""
    task_id = secrets.randbelow(2**31) if wanted is None else wanted
    given = give({"ID": task_id, "Operation": "status"})
    return task_id if given is None else given


def _check_one(peer: Peer, task_id: Any, kind: str, tally: Tally, *, has_leases: bool) -> None:
    status = peer.ask("GET", "api/tasks/status")
    tally.check(status.status == 303, f"status is 303 when a task waits (ID a {kind})", status.status)
    tally.check(status.body == b"", "a 303 is empty", status.body)
    found = [item for item in peer.list_tasks() if isinstance(item, dict) and item.get("ID") == task_id]
    is_same_type = bool(found) and type(found[0]["ID"]) is type(task_id)
    tally.check(is_same_type, f"the list holds the task, its ID a {kind}", found)
    tally.check(found and isinstance(found[0].get("Operation"), str), "the task names its operation", found)
    if not has_leases:
        tally.check(_offers(peer, task_id), "a task that nobody answered is offered again")
    answer = peer.report(task_id, "accepted")
    tally.check(answer.status == 200, "accepted is answered 200", answer.status)
    tally.check(not _offers(peer, task_id), "an accepted task is offered no more")
    tally.check(peer.report(task_id, "accepted").status == 200, "accepted once more is answered 200")
    data = {"Outcome": "success", "Text": "ä😀\u202e"}
    tally.check(peer.report(task_id, "completed", Data=data).status == 200, "completed is answered 200")
    tally.check(peer.report(task_id, "completed", Data=data).status == 200, "completed once more is answered 200")
    tally.check(not _offers(peer, task_id), "a completed task is offered no more")


def check_level_1(peer: Peer, give: Give, tally: Tally, code: str | None) -> None:
    """Check what a fleet needs; takes a new token, and enrols with the code if there is one."""
    status = peer.ask("GET", "api/tasks/status", Prefer="wait=0")
    level = status.headers.get("duplicati-task-protocol")
    if not tally.check(level == "1", "a server of level 1 says so with each answer", level):
        return
    tally.check("no-store" in status.headers.get("cache-control", ""), "answers are not to be stored", status.headers)
    tally.check("etag" in status.headers, "status has an ETag", status.headers)
    tally.check("prefer" in status.headers.get("vary", "").lower(), "status varies by Prefer", status.headers)
    _check_waiting(peer, give, tally)
    _check_receipts(peer, give, tally)
    beat = peer.ask("POST", "api/daemon/heartbeat", {"Running": [], "State": "idle"})
    is_list = isinstance(beat.value, dict) and isinstance(beat.value.get("Cancel", []), list)
    tally.check(beat.status == 200 and is_list, "a heartbeat is answered with what to cancel", beat)
    inventory = peer.ask("PUT", "api/daemon/inventory", {"Servers": {}})
    tally.check(inventory.status in (200, 204), "an inventory is kept", inventory)
    _check_paging(peer, give, tally)
    _check_tokens(peer, tally)
    if code is None:
        tally.skip("an enrolment code is used once", "no --code was given")
    else:
        _check_enrolment(peer, tally, code)


def _check_waiting(peer: Peer, give: Give, tally: Tally) -> None:
    etag = peer.ask("GET", "api/tasks/status").headers.get("etag", "")
    started = time.monotonic()
    idle = peer.ask("GET", "api/tasks/status", Prefer="wait=1", If_None_Match=etag)
    waited = time.monotonic() - started
    tally.check(
        idle.status == 304 and 0.5 < waited < 10, "a long poll waits as long as it was asked to", (idle, waited)
    )
    given: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Timer(0.3, lambda: given.put(_give(give))).start()
    started = time.monotonic()
    woken = peer.ask("GET", "api/tasks/status", Prefer="wait=20", If_None_Match=etag)
    waited = time.monotonic() - started
    tally.check(woken.status == 303 and waited < 10, "a long poll ends when a task comes", (woken, waited))
    peer.list_tasks()
    peer.report(given.get(timeout=60), "refused", Data={"Code": "conformance"})


def _check_receipts(peer: Peer, give: Give, tally: Tally) -> None:
    task_id = _give(give, f"c-{secrets.token_hex(4)}")
    peer.list_tasks()
    steps = [
        ("accepted", {}, "recorded"),
        ("accepted", {}, "duplicate"),
        ("completed", {"Outcome": "success"}, "recorded"),
        ("completed", {"Outcome": "success"}, "duplicate"),
        ("error", {"Code": "other"}, "conflict"),
        ("accepted", {}, "stale"),
    ]
    for status, data, recorded in steps:
        answer = peer.report(task_id, status, **({"Data": data} if data else {}))
        wanted = {"ID": task_id, "Status": status, "Recorded": recorded}
        _check_receipt(answer, wanted, f"{status} then is {recorded}", tally)
    unknown = f"c-{secrets.token_hex(4)}"
    wanted = {"ID": unknown, "Status": "completed", "Recorded": "orphan"}
    _check_receipt(peer.report(unknown, "completed"), wanted, "a result of no known task is orphan", tally)


def _check_receipt(answer: Answer, wanted: dict[str, Any], rule: str, tally: Tally) -> None:
    found = answer.value if isinstance(answer.value, dict) else {}
    names_it = found.get("ID") == wanted["ID"] and found.get("Status") == wanted["Status"]
    tally.check(answer.status == 200 and names_it, "a receipt names the result", answer)
    tally.check(found.get("Recorded") == wanted["Recorded"], rule, found)
    tally.check(found.get("Recorded") in RECORDED, "a receipt uses one of six words", found)


def _check_paging(peer: Peer, give: Give, tally: Tally) -> None:
    task_ids = [_give(give, f"c-page-{number}") for number in range(501)]
    answer = peer.ask("GET", "api/tasks")
    items = answer.value if isinstance(answer.value, list) else (answer.value or {}).get("Tasks", [])
    tally.check(0 < len(items) <= 500, "a page holds at most 500 tasks", len(items))
    tally.check('rel="next"' in answer.headers.get("link", ""), "what is left is linked", answer.headers)
    for task_id in task_ids:
        peer.report(task_id, "refused", Data={"Code": "conformance"})


def _check_tokens(peer: Peer, tally: Tally) -> None:
    if "Authorization" not in peer.headers:
        tally.skip("tokens", "no --token was given")
        return
    for wrong in (None, "Bearer wrong"):
        answer = peer.ask("GET", "api/tasks", Authorization=wrong)
        tally.check(answer.status == 401, "without a valid token nothing is answered but 401", answer.status)
        tally.check("duplicati-task-protocol" in answer.headers, "a refusal says level 1 too", answer.headers)
    old = peer.headers["Authorization"]
    token = (peer.ask("POST", "api/daemon/token", {}).value or {}).get("Token")
    if not tally.check(isinstance(token, str) and token, "a new token is given", token):
        return
    tally.check(peer.ask("GET", "api/tasks").status == 200, "the old token is valid until the new one is used")
    peer.headers["Authorization"] = f"Bearer {token}"
    tally.check(peer.ask("GET", "api/tasks").status == 200, "the new token is valid")
    answer = peer.ask("GET", "api/tasks", Authorization=old)
    tally.check(answer.status == 401, "the old token is not valid once the new one was used", answer.status)


def _check_enrolment(peer: Peer, tally: Tally, code: str) -> None:
    asked = {"Code": code, "Name": "conformance", "Facts": {}}
    answer = peer.ask("POST", "api/enrol", asked, Authorization=None)
    if answer.status == 202:
        tally.check((answer.value or {}).get("Pending") is True, "an enrolment may be pending", answer)
        return
    found = answer.value if isinstance(answer.value, dict) else {}
    tally.check(answer.status == 200 and {"DaemonID", "Token", "Epoch"} <= set(found), "a code enrols", answer.status)
    again = peer.ask("POST", "api/enrol", asked, Authorization=None)
    tally.check(400 <= again.status < 500, "a code enrols once", again.status)


def _settle(peer: Peer) -> None:
    for item in peer.list_tasks():
        peer.report(item["ID"], "refused", Data={"Code": "conformance"})


def _offers(peer: Peer, task_id: Any) -> bool:
    return any(isinstance(item, dict) and item.get("ID") == task_id for item in peer.list_tasks())


def main() -> int:
    """Read the command line, check, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.server", description=__doc__)
    parser.add_argument("url", help="base URL, before api/")
    parser.add_argument(
        "--give", required=True, help="a command that puts the task on its stdin into the queue, and may print its ID"
    )
    parser.add_argument("--level", type=int, choices=(0, 1), default=0)
    parser.add_argument("--token-file", help="file with the bearer token to send")
    parser.add_argument("--code", help="an enrolment code that may be used up (level 1)")
    options = parser.parse_args()

    def give(task: dict[str, Any]) -> Any:
        command = shlex.split(options.give)
        gave = subprocess.run(
            command, input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True, timeout=60
        )
        return json.loads(gave.stdout) if gave.stdout.strip() else None

    headers = {"Duplicati-Task-Protocol": "1", "Duplicati-Instance": secrets.token_hex(8)} if options.level else {}
    if options.token_file:
        with open(options.token_file, encoding="utf-8") as file:
            headers["Authorization"] = f"Bearer {file.read().strip()}"
    peer, tally = Peer(options.url, headers), Tally()
    check_level_0(peer, give, tally, has_leases=bool(options.level))
    if options.level:
        check_level_1(peer, give, tally, options.code)
    return tally.end()


if __name__ == "__main__":
    raise SystemExit(main())
