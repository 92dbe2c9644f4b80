"""Hostile tasks, given to a daemon with the default policy: each is refused, and its Duplicati server hears of none.

The tasks are data, see tests/policy_corpus. The Duplicati server is first a socket that counts who comes, then one
behind a proxy that notes each request. That the counting would notice is shown with a policy that allows more.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from duplicati_client.daemon.policy import Facts
from duplicati_client.protocol import codec
from duplicati_client.protocol.task import Malformed, read_task
from duplicati_client.sandbox.app import Options, start_in_thread
from tests.daemon_stage import PASSWORD, TERMINAL, write_configuration
from tests.loopback import Loopback, Peer
from tests.reverse_proxy import passing_on
from tests.sandbox_process import PROGRAM
from tests.task_server import TaskServer
from tests.unit.daemon.owner import TUESDAY_NOON, read_policy

CORPUS = Path(__file__).parents[1] / "policy_corpus"
PATIENCE_SECONDS = 30.0
MEMORY_KIB = 128 * 1024
BACKUP = {"Type": "backup", "ID": 1}
HARMLESS: Mapping[str, Mapping[str, Any]] = {
    "ok-status": {"Operation": "status"},
    "ok-list": {"Operation": "list", "Resources": [{"Type": "backup"}]},
    "ok-get": {"Operation": "get", "Resources": [BACKUP]},
    "ok-run": {"Operation": "run", "Resources": [BACKUP], "Parameters": {"wait": True}},
    "ok-verify": {"Operation": "verify", "Resources": [{"Type": "backup", "Name": "Photos"}], "Server": "main"},
    "ok-logs": {"Operation": "logs", "Resources": [BACKUP], "Parameters": {"count": 5, "level": "Error"}},
}
# How a run is followed to its end, which is not the same each time.
BY_CHANCE = {
    "GET /notifications",
    "GET /api/v1/progressstate",
    "GET /api/v1/task/N",
    "GET /api/v1/tasks",
    "POST /api/v1/auth/issuetoken/websocket",
    "POST /api/v1/auth/refresh",
}
LOOSENED = """preset = "full"
[[policy.allow]]
name = "loose"
operations = ["dismiss"]
"""


class Hostile(NamedTuple):
    """A line of the corpus: the letters that are sent, and what has to come of them."""

    task_id: str
    name: str
    expected: str | None
    rule: str | None
    content: bytes


def read_corpus(file: str) -> list[Hostile]:
    lines = (CORPUS / file).read_text(encoding="ascii").splitlines()
    return [read_line(f"hostile-{number}", json.loads(line)) for number, line in enumerate(lines, 1)]


def read_line(task_id: str, line: Mapping[str, Any]) -> Hostile:
    if "raw" in line:
        text = re.sub(r"@([^@*]+)\*(\d+)@", lambda found: found[1] * int(found[2]), line["raw"])
        content = text.replace("@ID@", json.dumps(task_id)).encode()
    else:
        is_named = "expected" in line
        content = json.dumps({"ID": task_id, **line["task"]} if is_named else line["task"]).encode()
    return Hostile(task_id, line["name"], line.get("expected"), line.get("rule"), content)


TASKS, NAMELESS = read_corpus("tasks.jsonl"), read_corpus("nameless.jsonl")


class Scene(NamedTuple):
    """A task server whose list of tasks is given letter by letter, and the configuration of a daemon."""

    tasks: TaskServer
    config: str

    def give(self, hostile: Sequence[Hostile], harmless: Sequence[str] = ()) -> None:
        """Offer all of them in one list, the harmless ones spread among the others."""
        contents = [one.content for one in hostile]
        for place, task_id in enumerate(harmless):
            contents.insert(
                place * len(contents) // len(harmless), json.dumps({"ID": task_id, **HARMLESS[task_id]}).encode()
            )
        self.tasks.fault("tasks", times=None, body=b"[" + b",".join(contents) + b"]", has_effect=True)
        named = [one.task_id for one in hostile if one.expected is not None]
        self.tasks.give(*({"ID": task_id} for task_id in (*named, *harmless)))

    def wait_for_ends(self, *task_ids: str) -> None:
        results, wanted = self.tasks.results, set(task_ids)
        self.tasks.wait_for(
            lambda: wanted <= {one["ID"] for one in results if one["Status"] in TERMINAL}, PATIENCE_SECONDS
        )

    def find_end(self, task_id: str) -> dict[str, Any]:
        """Return the one end of a task; several that differ are a failure."""
        ends = [json.dumps(result, sort_keys=True) for result in self.tasks.find_results(task_id, *TERMINAL)]
        assert len(set(ends)) == 1, (task_id, ends)
        return json.loads(ends[0])

    def find_wrongs(self, hostile: Sequence[Hostile]) -> list[str]:
        """Return the tasks that were not refused as the corpus says."""
        wrongs = []
        for one in hostile:
            end = self.find_end(one.task_id)
            data = end.get("Data", {})
            told = (end["Status"], data.get("Code"), data.get("Rule"))
            if told != ("refused", one.expected, one.rule) or not data.get("Reason") or not data["Reason"].isascii():
                wrongs.append(f"{one.name}: {end}")
            if self.tasks.find_results(one.task_id, "accepted"):
                wrongs.append(f"{one.name}: accepted")
        return wrongs


class Lived(NamedTuple):
    """What is known of a daemon that has ended."""

    status: int
    told: str
    memory_kib: int


@contextmanager
def scene(folder: Path, server_url: str, *, policy: str = 'preset = "default"\n', level: int = 0) -> Iterator[Scene]:
    folder.mkdir(mode=0o700)
    with TaskServer(level=level) as tasks:
        config = Path(write_configuration(folder, tasks.url, server_url, "default"))
        text = config.read_text().replace('preset = "default"\n', policy)
        # The list is offered for ever: asked too often, a busy machine would answer its beginning again and again.
        config.write_text(text.replace("poll_seconds = 1\n", "poll_seconds = 10\n"))
        yield Scene(tasks, str(config))


def live(on: Scene, until: Callable[[], Any]) -> Lived:
    """Let a daemon run until something is true, and end it in order."""
    command = [str(PROGRAM), "daemon", "run", "--config", on.config]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            until()
            memory_kib = read_memory_kib(process.pid)
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    return Lived(process.returncode, told, memory_kib)


def read_memory_kib(process_id: int) -> int:
    """Return the most memory that a process ever had; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def hang_up(peer: Peer) -> None:
    """Be a server that nobody should have come to."""


# --- the corpus itself ----------------------------------------------------------------------------------


def test_corpus_has_two_hundred_tasks_each_with_a_name_of_its_own() -> None:
    assert len(TASKS) >= 200
    names = [one.name for one in (*TASKS, *NAMELESS)]
    assert len(set(names)) == len(names)
    assert {one.expected for one in TASKS} == {"malformed", "prohibited"}
    assert all((one.rule is not None) == (one.expected == "prohibited") for one in TASKS)


@pytest.mark.parametrize("one", TASKS, ids=lambda one: one.name)
def test_hostile_task_is_what_the_corpus_says(one: Hostile) -> None:
    task = read_task(codec.decode(one.content))
    if isinstance(task, Malformed):
        assert (task.task_id, task.code, one.expected) == (one.task_id, "malformed", "malformed")
        assert task.reason.isascii()
    elif task.server not in ("main", None):
        assert one.expected == "malformed"  # the daemon knows its servers
    else:
        decision = read_policy("[policy]", ("main",)).judge(task, TUESDAY_NOON, Facts("main"))
        assert (decision.code, decision.rule) == (one.expected, one.rule)


@pytest.mark.parametrize("one", NAMELESS, ids=lambda one: one.name)
def test_task_without_an_id_is_none(one: Hostile) -> None:
    assert read_task(codec.decode(one.content)).task_id is None


# --- the daemon -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["none is named", "all are named"])
def test_no_hostile_task_makes_a_daemon_ask_its_server_anything(tmp_path: Path, names: str) -> None:
    hostile = [*TASKS, *NAMELESS] if names == "all are named" else TASKS
    with Loopback(hang_up) as server, scene(tmp_path / "d", server.url) as on:
        on.give(hostile)
        lived = live(on, lambda: on.wait_for_ends(*(one.task_id for one in TASKS)))
        assert server.connections_count == 0
        assert on.find_wrongs(TASKS) == []
        assert on.tasks.complaints == []
        assert {result["ID"] for result in on.tasks.results} == {one.task_id for one in TASKS}
    assert lived.status == 0
    assert lived.memory_kib < MEMORY_KIB
    assert_is_clean(lived.told)


def assert_is_clean(told: str) -> None:
    """Nothing of a task may act in a terminal, or look like a line of the daemon."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", told)
    assert "\nevent=accepted" not in told


def test_harmless_tasks_among_hostile_ones_are_carried_out_and_the_server_hears_of_no_other(tmp_path: Path) -> None:
    plain, mixed = note_requests(tmp_path / "plain", ()), note_requests(tmp_path / "mixed", TASKS)
    assert set(mixed) <= set(plain) | BY_CHANCE
    assert {line: count for line, count in mixed.items() if not line.startswith("GET ") and "/auth/" not in line} == {
        "POST /api/v1/backup/N/run": 1,
        "POST /api/v1/backup/N/verify": 1,
    }


def note_requests(folder: Path, hostile: Sequence[Hostile]) -> Counter[str]:
    """Return the requests that reach a server, counted, while the harmless tasks and some others are given."""
    heads: list[str] = []

    def note(head: str) -> str:
        heads.append(head)
        return head

    with (
        start_in_thread(Options(password=PASSWORD, speed=100.0)) as server,
        Loopback(passing_on(server.url, change=note)) as proxy,
        scene(folder, proxy.url, level=1) as on,
    ):
        on.give(hostile, tuple(HARMLESS))
        lived = live(on, lambda: on.wait_for_ends(*HARMLESS, *(one.task_id for one in hostile)))
        assert on.find_wrongs(hostile) == []
        assert {task_id: on.find_end(task_id)["Status"] for task_id in HARMLESS} == dict.fromkeys(HARMLESS, "completed")
        assert on.find_end("ok-run")["Data"]["Outcome"] == "success"
    assert lived.memory_kib < MEMORY_KIB
    return Counter(map(name_request, heads))


def name_request(head: str) -> str:
    """Return method and path of a request, every number in it as N."""
    method, target, _ = head.split(" ", 2)
    return f"{method} {re.sub(r'(?<=/)[0-9]+(?=/|$)', 'N', target.partition('?')[0])}"


def test_daemon_that_allows_more_is_noticed(tmp_path: Path) -> None:
    """Give one prohibited task of each operation to a policy that allows it, and see the server asked."""
    by_operation = {json.loads(one.content)["Operation"]: one for one in TASKS if one.rule == "built-in:unlisted"}
    some = [one for one in by_operation.values() if b"x-remark" not in one.content]
    with Loopback(hang_up) as server, scene(tmp_path / "d", server.url, policy=LOOSENED) as on:
        on.give(some)
        live(on, lambda: on.tasks.wait_for(lambda: server.connections_count and on.tasks.results, PATIENCE_SECONDS))
        assert server.connections_count > 0
        assert {result["Status"] for result in on.tasks.results} == {"accepted"}
