"""The session file: private, whole or old, never in the way of other programs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.sdk.auth.store import FileSessionStore, MemorySessionStore, Session, load_own

PROJECT = Path(__file__).parents[4]
OLD = Session("http://127.0.0.1:8200", "modern", "old-token", 1.5, "RefreshToken_8200", "old-pair", "old-nonce")
NEW = OLD._replace(access_token="new-token", refresh_token="new-pair", refresh_nonce="new-nonce")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "sessions" / "nas.json")


def test_session_survives_the_program(path: str) -> None:
    FileSessionStore(path).save(OLD)
    assert FileSessionStore(path).load() == OLD


def test_file_and_folder_are_private(path: str) -> None:
    previous = os.umask(0)
    try:
        FileSessionStore(path).save(OLD)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


def test_file_is_private_even_where_a_killed_program_left_a_public_one(path: str) -> None:
    store = FileSessionStore(path)
    Path(path + ".new").write_text("half")
    os.chmod(path + ".new", 0o666)
    store.save(OLD)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(os.path.dirname(path)) == ["nas.json"]


def test_neighbour_that_is_a_link_is_not_written_through(path: str, tmp_path: Path) -> None:
    store = FileSessionStore(path)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, path + ".new")
    store.save(OLD)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"{}", b"\xff\xfe\x00", b'{"url": 1, "generation": "modern"}',
        b'{"url": "http://x"}', b"[" * 100_000, b'{"url": "http://x", "generation": null}',
    ],
)  # fmt: skip
def test_damaged_file_counts_as_no_session(path: str, content: bytes) -> None:
    store = FileSessionStore(path)
    Path(path).write_bytes(content)
    assert store.load() is None


@pytest.mark.parametrize("ends_at", ["NaN", "Infinity", "1e999", "-5", "1" + "0" * 400, "true", '"soon"', "null", "[]"])
def test_impossible_moment_counts_as_past(path: str, ends_at: str) -> None:
    store = FileSessionStore(path)
    Path(path).write_text(f'{{"url": "http://x", "generation": "modern", "access_ends_at": {ends_at}, "other": 1}}')
    found = store.load()
    assert found is not None
    assert found.access_ends_at in (0.0, 1.0)


def test_members_of_the_wrong_type_are_left_out(path: str) -> None:
    store = FileSessionStore(path)
    Path(path).write_text(json.dumps(OLD._asdict() | {"refresh_token": {"a": 1}}))
    assert store.load() == OLD._replace(refresh_token=None)


def test_clear_forgets_and_may_be_repeated(path: str) -> None:
    store = FileSessionStore(path)
    store.save(OLD)
    store.clear()
    store.clear()
    assert store.load() is None


def test_folder_that_cannot_be_made_leaves_the_session_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileSessionStore(str(tmp_path / "file" / "sessions" / "nas.json"))
    assert store.is_persistent is False
    with store.lock():
        store.save(OLD)
        assert store.load() == OLD
    store.clear()
    assert store.load() is None


def test_read_only_file_system_leaves_the_session_in_memory() -> None:
    store = FileSessionStore("/proc/self/nas.json")
    assert store.is_persistent is False
    store.save(OLD)
    assert store.load() == OLD


def test_path_without_folder_is_in_the_present_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FileSessionStore("nas.json").save(OLD)
    assert FileSessionStore(str(tmp_path / "nas.json")).load() == OLD


def test_full_disk_keeps_the_old_file(path: str) -> None:
    """A limit on file sizes fails a write as a full disk does."""
    script = f"""
import resource, signal
from duplicati_client import errors
from duplicati_client.sdk.auth.store import FileSessionStore
from tests.unit.sdk.auth.test_store import NEW
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileSessionStore({path!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    store.save(NEW)
except errors.InputOutputFailed as exc:
    print(exc.message)
"""
    FileSessionStore(path).save(OLD)
    done = run(script)
    assert path in done
    assert FileSessionStore(path).load() == OLD
    assert os.listdir(os.path.dirname(path)) == ["nas.json"]


def test_full_disk_is_met_before_a_server_is_asked(path: str) -> None:
    script = f"""
import resource, signal
from duplicati_client import errors
from duplicati_client.sdk.auth.store import FileSessionStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileSessionStore({path!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    store.reserve()
except errors.InputOutputFailed as exc:
    print(exc.message)
"""
    FileSessionStore(path).save(OLD)
    assert path in run(script)
    assert FileSessionStore(path).load() == OLD
    assert os.listdir(os.path.dirname(path)) == ["nas.json"]


def test_reserved_room_is_what_the_session_is_written_into(path: str) -> None:
    store = FileSessionStore(path)
    with store.lock():
        store.reserve()
        store.reserve()
        room = os.stat(path + ".new")
        store.save(NEW)
    assert os.stat(path).st_ino == room.st_ino
    assert room.st_size > len(Path(path).read_bytes()) > 100
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert FileSessionStore(path).load() == NEW


def test_room_that_was_not_needed_is_given_back(path: str) -> None:
    store = FileSessionStore(path)
    store.save(OLD)
    with store.lock():
        store.reserve()
    assert sorted(os.listdir(os.path.dirname(path))) == ["nas.json", "nas.json.lock"]
    assert store.load() == OLD


STEPS = ("os.open", "os.fsync", "os.replace")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_program_killed_while_it_writes_leaves_the_old_or_the_new_session(path: str, step: str, moment: str) -> None:
    script = f"""
import os, signal, sys
from duplicati_client.sdk.auth.store import FileSessionStore
from tests.unit.sdk.auth.test_store import NEW
store = FileSessionStore({path!r})
inner = {step}
def killed(*given, **named):
    if "{moment}" == "after":
        inner(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
{step} = killed
store.save(NEW)
"""
    FileSessionStore(path).save(OLD)
    run(script, expected=-9)
    is_new = (step, moment) == ("os.replace", "after")
    assert FileSessionStore(path).load() == (NEW if is_new else OLD)
    FileSessionStore(path).save(NEW)
    assert FileSessionStore(path).load() == NEW


def run(script: str, *, expected: int = 0) -> str:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=PROJECT)
    assert done.returncode == expected, done.stderr
    return done.stdout


def test_lock_keeps_threads_and_stores_apart(path: str) -> None:
    inside: list[int] = []
    overlaps: list[int] = []

    def work() -> None:
        store = FileSessionStore(path)
        for _ in range(5):
            with store.lock():
                inside.append(1)
                overlaps.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(overlaps) == {1}


def test_lock_that_nobody_lets_go_is_told_and_not_waited_for_without_end(path: str) -> None:
    second = FileSessionStore(path, lock_patience_seconds=0.1)
    with FileSessionStore(path).lock(), pytest.raises(errors.Busy) as caught, second.lock():
        pass
    assert path in caught.value.hint


def test_lock_of_a_killed_program_is_free(path: str) -> None:
    script = f"""
import os, signal
from duplicati_client.sdk.auth.store import FileSessionStore
with FileSessionStore({path!r}).lock():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    run(script, expected=-9)
    with FileSessionStore(path, lock_patience_seconds=0.1).lock():
        pass


def test_lock_that_cannot_be_made_is_a_fault_of_this_machine(path: str) -> None:
    store = FileSessionStore(path)
    os.mkdir(path + ".lock")
    with pytest.raises(errors.InputOutputFailed), store.lock():
        pass


def test_only_the_own_servers_session_is_given_out() -> None:
    store = MemorySessionStore()
    store.save(OLD)
    assert load_own(store, OLD.url) == OLD
    assert load_own(store, OLD.url, "modern") == OLD
    assert load_own(store, OLD.url, "legacy") is None
    assert load_own(store, "https://127.0.0.1:8200") is None
