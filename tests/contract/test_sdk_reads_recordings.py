"""The library against all that real servers were recorded answering: all is read, each refusal has one meaning."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer
from duplicati_client.sdk import events
from duplicati_client.sdk.activity import Progress, ServerState, ServerTask
from duplicati_client.sdk.auth.credentials import Credentials
from duplicati_client.sdk.auth.store import MemorySessionStore, Session
from duplicati_client.sdk.client import Duplicati
from recordings import RELEASES, Entry, read_release, websocket_messages
from tests.fakes import FakeTransport, answer

URL = "http://127.0.0.1:8200"
BOM = b"\xef\xbb\xbf"


def reading_from(release: str, reply: Answer) -> Duplicati:
    """Make a library that is logged in and gets this answer to whatever it asks; an idle state before a list."""
    store = MemorySessionStore()
    is_legacy = release.startswith("2.0")
    session = Session(URL, "legacy" if is_legacy else "modern", version=release)
    far = session._replace(access_token="t", access_ends_at=3e9, xsrf_token="x" if is_legacy else None)
    store.save(far)
    is_list = reply.body.removeprefix(BOM).startswith(b"[")
    idle = {"api/v1/serverstate": answer(200, {})} if is_list else {}
    transport = FakeTransport(lambda request: idle.get(request.path, reply), url=URL)
    return Duplicati(transport=transport, store=store, credentials=Credentials(forever_token="t"))


class Reader(NamedTuple):
    """How the library reads the answers of one path: `items` gives pairs of what was read and what it was read from."""

    path: str
    read: Callable[[Duplicati, str], Any]
    items: Callable[[Any, Any], list[tuple[Any, Any]]]


def one(found: Any, raw: Any) -> list[tuple[Any, Any]]:
    return [(found, raw)]


def each(found: Any, raw: Any) -> list[tuple[Any, Any]]:
    return list(zip(found, raw, strict=True))


def unwrapped(found: Any, raw: Any) -> list[tuple[Any, Any]]:
    return [(found, raw.get("data", raw))]


READERS = (
    Reader(r"backups(\?.*)?", lambda server, _: server.backups.list(), each),
    Reader(r"backup/(\d+|[0-9a-f-]{36})", lambda server, name: server.backups.get(name), unwrapped),
    Reader(r"backup/(\d+)/log(\?.*)?", lambda server, name: server.logs.of_backup(name, count=500), each),
    Reader(r"backup/(\d+)/filesets(\?.*)?", lambda server, name: server.versions.list(name), each),
    Reader(r"serverstate(\?.*)?", lambda server, _: server.state.get(), one),
    Reader(r"progressstate", lambda server, _: server.progress.get(), one),
    Reader(r"tasks", lambda server, _: server.tasks.list(), each),
    Reader(r"task/(\d+)", lambda server, name: server.tasks.get(int(name)), one),
    Reader(r"notifications", lambda server, _: server.notifications.list(), each),
    Reader(r"logdata/log(\?.*)?", lambda server, _: server.logs.of_server(count=500), each),
    Reader(r"logdata/poll(\?.*)?", lambda server, _: server.logs.live(), each),
    Reader(r"systeminfo", lambda server, _: server.system, one),
)


def gettable(release: str) -> Iterator[tuple[Entry, Reader, str]]:
    for entry in read_release(release):
        path = entry.path.removeprefix("/api/v1/")
        is_read = entry.method == "GET" or not entry.is_exchange
        raw = _mended(entry) if path == "systeminfo" else entry.answer
        if not is_read or entry.status not in (200, None) or raw is None:
            continue
        for reader in READERS:
            if found := re.fullmatch(reader.path, path):
                yield entry._replace(answer=raw), reader, found[1] if found.groups() else ""


def _mended(entry: Entry) -> Any:
    """Close the beginning of a long description after its last whole option."""
    start = entry.raw["response"]["body"].get("json_start")
    return json.loads(start[: start.rindex("},{")] + "}]}") if start else entry.answer


@pytest.mark.parametrize("release", RELEASES)
def test_every_recorded_answer_is_read_and_kept(release: str) -> None:
    seen: Counter[str] = Counter()
    for entry, reader, name in gettable(release):
        body = json.dumps(entry.answer).encode()
        server = reading_from(release, answer(200, BOM + body if release.startswith("2.0") else body))
        found = reader.read(server, name)
        for item, raw in reader.items(found, entry.answer):
            assert item.raw == raw, entry.where
        seen[reader.path] += 1
    assert {reader.path for reader in READERS} == set(seen), "a kind of answer is not recorded at all"


@pytest.mark.parametrize("release", RELEASES)
def test_recorded_answers_mean_something(release: str) -> None:
    """Reading never fails, so it must be seen to read: names, numbers and moments are there."""
    found: dict[str, list[Any]] = {}
    for entry, reader, name in gettable(release):
        read = reader.read(reading_from(release, answer(200, entry.answer)), name)
        found.setdefault(reader.path, []).extend(read if isinstance(read, list) else [read])
    backups = found[READERS[0].path]
    assert all(backup.backup_id.isdigit() and backup.name and backup.target_url for backup in backups)
    assert any(backup.metadata.last_started_at and backup.metadata.source_bytes for backup in backups)
    definitions = found[READERS[1].path]
    assert any(definition.settings for definition in definitions)
    schedules = [backup.schedule for backup in (*backups, *definitions) if backup.schedule]
    assert any(schedule.repeat and schedule.next_at for schedule in schedules)
    days = {day for schedule in schedules for day in schedule.allowed_days}
    assert days <= {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
    assert all(row.row_id and row.logged_at and row.kind and row.message for row in found[READERS[2].path])
    assert any(state.active for state in found[READERS[4].path])
    assert any(progress.fraction is not None and progress.task_id for progress in found[READERS[5].path])
    assert all(task.task_id and task.status for task in found[READERS[7].path])
    assert any(task.has_ended for task in found[READERS[7].path])
    assert all(notice.kind in ("Information", "Warning", "Error") and notice.title and notice.created_at
               for notice in found[READERS[8].path])  # fmt: skip
    assert all(entry.logged_at and entry.message for entry in found[READERS[10].path])
    systems = found[READERS[11].path]
    assert {".".join(map(str, system.release)) for system in systems} == {release}
    assert all(system.server_time_at and system.password_placeholder for system in systems)


@pytest.mark.parametrize("release", ["2.2.0.3", "2.3.0.4", "2.3.1.0"])
def test_every_recorded_message_of_a_socket_is_read(release: str) -> None:
    kinds = {"legacystatus": events.StateChanged, "progress": events.ProgressMade, "taskcompleted": events.TaskEnded}
    seen: set[str] = set()
    for entry in read_release(release):
        for message in websocket_messages(entry):
            found = events._read_message(json.dumps(message))
            kind = kinds.get(message.get("Type", ""))
            assert (found is None) if kind is None else isinstance(found, kind), entry.where
            seen.add(message.get("Type", ""))
    assert seen >= set(kinds)


# --- refusals -----------------------------------------------------------------------------------------------


class Meaning(NamedTuple):
    """What an answer with this status, reason and text stands for."""

    status: int
    text: str
    kind: type[errors.DuplicatiClientError]


MEANINGS = (
    Meaning(302, "", errors.Redirected),
    Meaning(400, "", errors.NotUnderstood),  # empty: the form of the request is wrong
    Meaning(400, "(?!.*currently in use).+", errors.InvalidValue),
    Meaning(400, ".*database is currently in use.*", errors.DatabaseLocked),
    Meaning(401, "", errors.SessionEnded),
    Meaning(401, ".+", errors.NotAllowed),
    Meaning(403, "Invalid hostname: .*|The host header sent .*", errors.HostNameNotAllowed),
    Meaning(403, "(?!Invalid hostname|The host header).+", errors.NotAllowed),
    Meaning(404, "|Resource not found: .*", errors.EndpointMissing),
    Meaning(404, "Backup not found|Invalid or missing backup id", errors.BackupNotFound),
    Meaning(404, "No such task( found)?|Invalid or missing task id", errors.TaskForgotten),
    Meaning(404, "(No active backup|No such (action|entry|notification)|Key not found|Not found|Notification not found"
                 "|The path does not exist|File or folder not found|Invalid or missing bugreport id)",
            errors.NotFound),
    Meaning(405, "", errors.EndpointMissing),
    Meaning(409, ".+", errors.InvalidValue),
    Meaning(415, "", errors.NotUnderstood),
    Meaning(500, "", errors.ServerFailed),
    Meaning(500, "backup-in-progress", errors.Busy),
    Meaning(500, "(?!backup-in-progress).+", errors.ServerFailed),
    Meaning(503, ".*", errors.Overloaded),
)  # fmt: skip


def refusals(release: str) -> Iterator[tuple[Entry, Answer, str]]:
    for entry in read_release(release):
        response = entry.raw.get("response")
        if not entry.is_exchange or not response or response["status"] < 300:
            continue
        body = response["body"]
        if "json" in body:
            raw = body["json"]
            content, told = json.dumps(raw), raw if isinstance(raw, dict) else {}
            text = told.get("Error") or told.get("Message") or told.get("Reason") or ""
        else:
            content = body.get("text", body.get("json_start", ""))
            text = content.lstrip("\ufeff").strip()
        headers = tuple((name, value) for name, value in response["headers"])
        yield entry, Answer(response["status"], response["reason"], headers, content.encode()), text


@pytest.mark.parametrize("release", RELEASES)
def test_every_recorded_refusal_has_one_meaning(release: str) -> None:
    for entry, reply, text in refusals(release):
        meanings = [m for m in MEANINGS if m.status == reply.status and re.fullmatch(m.text, text, re.DOTALL)]
        assert len(meanings) == 1, (entry.where, text)
        with pytest.raises(errors.DuplicatiClientError) as caught:
            reading_from(release, reply)._channel._decode(reply, "the thing")
        assert type(caught.value) is meanings[0].kind, (entry.where, text, caught.value)


def test_every_meaning_was_recorded() -> None:
    recorded = [(reply.status, text) for release in RELEASES for _, reply, text in refusals(release)]
    unseen = [m for m in MEANINGS if not any(s == m.status and re.fullmatch(m.text, t, re.DOTALL) for s, t in recorded)]
    assert unseen == []


def test_refusals_name_no_secret_of_the_request() -> None:
    for release in RELEASES:
        for _, reply, _ in refusals(release):
            with pytest.raises(errors.DuplicatiClientError) as caught:
                reading_from(release, reply)._channel._decode(reply, "the thing")
            assert "<jwt" not in f"{caught.value.message} {caught.value.hint}"


def test_polls_are_read_like_answers() -> None:
    """The notes of polls in the recordings hold the same objects."""
    kinds = {"task poll changed": ServerTask, "phase changed": Progress, "serverstate changed": ServerState}
    seen: set[str] = set()
    for release in RELEASES:
        for entry in read_release(release):
            kind = kinds.get(entry.note)
            if kind is not None and not entry.is_exchange and isinstance(entry.answer, dict) and entry.status != 404:
                read = kind.read(entry.answer, task_id=1) if kind is ServerTask else kind.read(entry.answer)
                assert read.raw == entry.answer
                seen.add(entry.note)
    assert len(seen) >= 2
