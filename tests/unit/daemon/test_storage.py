"""The state folder: the same from the disk, by paths, and in the model of it; and what it does not take for a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.daemon.storage import DiskFolder, Folder, PathFolder, keep_copy, open_folder, write
from tests.model_folder import ModelDisk, PowerCut

MAKERS: dict[str, Callable[[Path], Any]] = {
    "disk": lambda path: open_folder(str(path)),
    "path": lambda path: PathFolder(str(path)),
    "model": lambda path: ModelDisk().mount(),
}


@pytest.fixture(params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return MAKERS[request.param](path)


# --- what every folder does -----------------------------------------------------------------------------


def test_file_that_is_not_there_reads_as_none(folder: Folder) -> None:
    assert folder.read("a") is None
    assert folder.read_part("a", 3, 5) == b""
    assert folder.names() == []
    folder.remove("a")


def test_log_grows_by_what_is_appended_also_when_opened_again(folder: Folder) -> None:
    for text in (b"one\n", b"two\n"):
        log = folder.open_log("a")
        log.append(text)
        log.sync()
        log.close()
    assert folder.read("a") == b"one\ntwo\n"
    assert folder.read_part("a", 2, 4) == b"e\ntw"
    assert folder.read_part("a", 6, 100) == b"o\n"
    assert folder.read_part("a", 100, 5) == b""


def test_file_is_written_whole_in_the_place_of_another(folder: Folder) -> None:
    folder.create("a.new", b"left by a crash")
    for content in (b"first", b"second", b""):
        write(folder, "a", content)
        assert (folder.read("a"), folder.names()) == (content, ["a"])


def test_log_that_is_open_goes_on_in_the_file_it_was_opened_for(folder: Folder) -> None:
    log = folder.open_log("a")
    write(folder, "a", b"new")
    log.append(b"old")
    log.close()
    assert folder.read("a") == b"new"


def test_room_is_kept_and_given_back(folder: Folder) -> None:
    folder.reserve("ballast", 100_000)
    assert len(folder.read("ballast") or b"") == 100_000
    assert folder.read_part("ballast", 99_999, 5) == b"\0"
    folder.reserve("ballast", 50_000)
    assert len(folder.read("ballast") or b"") == 50_000
    folder.remove("ballast")
    assert folder.names() == []


def test_room_is_told(folder: Folder) -> None:
    free_bytes, total_bytes = folder.room()
    assert 0 < free_bytes <= total_bytes


def test_renaming_what_is_not_there_fails_and_takes_nothing_away(folder: Folder) -> None:
    write(folder, "b", b"kept")
    with pytest.raises(FileNotFoundError):
        folder.rename("a", "b")
    assert folder.read("b") == b"kept"


def test_only_the_last_copies_are_kept(folder: Folder) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    for number in range(8):
        name = keep_copy(folder, "task-list.yml", b"%d" % number, at + timedelta(seconds=number))
        assert folder.read(name) == b"%d" % number
    assert [folder.read(name) for name in folder.names()] == [b"3", b"4", b"5", b"6", b"7"]
    keep_copy(folder, "task-list.yml", b"again", at + timedelta(seconds=7))
    assert [folder.read(name) for name in folder.names()] == [b"3", b"4", b"5", b"6", b"again"]


# --- what the one on the disk does besides --------------------------------------------------------------


def test_folder_and_files_are_for_this_user_alone(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path / "above" / "state"))
    write(folder, "a", b"x")
    folder.open_log("b").close()
    folder.reserve("c", 10)
    assert (tmp_path / "above" / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "above" / "state").iterdir()} == {0o600}


def make_link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("precious")
    path.symlink_to(path.parent / "elsewhere")


def make_second_name(path: Path) -> None:
    (path.parent / "elsewhere").write_text("precious")
    os.link(path.parent / "elsewhere", path)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)
    (path.parent / "elsewhere").write_text("precious")


def make_folder(path: Path) -> None:
    path.mkdir()
    (path.parent / "elsewhere").write_text("precious")


@pytest.mark.parametrize("make", [make_link, make_second_name, make_pipe, make_folder])
def test_what_is_no_plain_file_is_never_read_or_written_through(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = open_folder(str(tmp_path / "state"))
    make(tmp_path / "state" / "a")
    for act in (lambda: folder.read("a"), lambda: folder.read_part("a", 0, 1), lambda: folder.open_log("a")):
        with pytest.raises((errors.ConfigurationInvalid, OSError)):
            act()
    assert (tmp_path / "state" / "elsewhere").read_text() == "precious"


def test_link_in_the_place_of_a_temporary_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path / "state"))
    make_link(tmp_path / "state" / "a.new")
    write(folder, "a", b"new")
    assert (tmp_path / "state" / "elsewhere").read_text() == "precious"
    assert not (tmp_path / "state" / "a").is_symlink()


def test_folder_that_cannot_be_made_names_what_decides_on_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # a folder cannot be made below it, not even by root
    with pytest.raises(errors.ConfigurationInvalid, match="cannot be made") as caught:
        open_folder(str(tmp_path / "file" / "daemon" / "state"))
    assert "state_folder" in str(caught.value.hint)


def test_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    with pytest.raises(errors.ConfigurationInvalid, match="no folder"):
        open_folder(str(tmp_path / "state"))


def test_folder_above_that_is_renamed_leads_nowhere_else(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path / "above" / "state"))
    (tmp_path / "above").rename(tmp_path / "moved")
    (tmp_path / "above").mkdir()
    write(folder, "a", b"x")
    assert (tmp_path / "moved" / "state" / "a").read_bytes() == b"x"
    assert list((tmp_path / "above").iterdir()) == []


def test_what_could_not_be_written_whole_is_not_left_behind(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path / "state"))
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)), file_size_limit(4096):
        folder.create("a", bytes(100_000))
    assert folder.names() == []


class file_size_limit:  # noqa: N801 - reads as what it is
    """Let this process write no larger file meanwhile, as a full disk would."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes

    def __enter__(self) -> None:
        import resource
        import signal

        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size_bytes, self._before[1]))

    def __exit__(self, *_: object) -> None:
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
        signal.signal(signal.SIGXFSZ, self._handler)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="nothing lists this system's open files")
def test_descriptors_are_let_go_of(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    folder = DiskFolder(str(tmp_path))
    for number in range(20):
        write(folder, "a", b"%d" % number)
        folder.open_log("b").close()
        folder.read_part("b", 0, 1)
    folder.close()
    assert len(os.listdir("/proc/self/fd")) == before


class Watched(DiskFolder):
    """Notes what is done to names, in the words of the model."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.steps: list[str] = []

    def open(self, name: str, flags: int) -> int:
        descriptor = super().open(name, flags)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.steps.append(f"{'make' if flags & os.O_CREAT else 'open'} {name}")
        return descriptor

    def _unlink(self, name: str) -> None:
        super()._unlink(name)
        self.steps.append(f"unlink {name}")

    def _replace(self, name: str, new_name: str) -> None:
        super()._replace(name, new_name)
        self.steps.append(f"replace {name}")

    def _sync_names(self) -> None:
        super()._sync_names()
        self.steps.append("sync_names ")


class Traced(ModelDisk):
    """Notes the same of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    def step(self, operation: str, name: str) -> None:
        super().step(operation, name)
        if operation in ("make", "open", "unlink", "replace", "sync_names"):
            self.steps.append(f"{operation} {name}")


def test_model_takes_the_steps_that_the_disk_takes(tmp_path: Path) -> None:
    watched, traced = Watched(str(tmp_path)), Traced()
    folders: list[Folder] = [watched, traced.mount()]
    for folder in folders:
        for _ in range(2):
            folder.open_log("log").close()
            write(folder, "file", b"x")
            folder.open_log("file").close()
            folder.create("file", b"y")
            folder.open_log("file").close()
            folder.remove("file")
            folder.reserve("ballast", 100)
            folder.rename("ballast", "log")
            folder.open_log("log").close()
    assert watched.steps == traced.steps
    watched.close()


# --- what the model keeps and loses ---------------------------------------------------------------------


def images_of(disk: ModelDisk) -> list[dict[str, bytes]]:
    return [dict(image.files) for image in disk.images(limit=1000)]


def test_what_was_synced_is_there_after_a_power_cut_and_nothing_else_is_sure() -> None:
    disk = ModelDisk(block_bytes=4)
    folder = disk.mount()
    log = folder.open_log("a")
    log.append(b"sure")
    log.sync()
    log.append(b"maybethis")
    found = {image["a"] for image in images_of(disk)}
    assert all(content.startswith(b"sure") for content in found)
    assert {b"sure", b"suremayb", b"suremaybethis", b"sure\0\0\0\0ethi", b"suremayb\0\0\0\0s"} <= found


def test_name_that_was_not_synced_may_be_the_old_one_or_the_new_one() -> None:
    disk = ModelDisk({"a": b"old"})
    folder = disk.mount()
    folder.create("b", b"new")
    disk.cut_at = disk.operations_count + 2
    with pytest.raises(PowerCut):
        folder.rename("b", "a")
    assert {tuple(sorted(image.items())) for image in images_of(disk)} == {
        (("a", b"old"),),
        (("a", b"old"), ("b", b"new")),
        (("a", b"new"),),
    }
    with pytest.raises(PowerCut):
        folder.read("a")


def test_sync_after_one_that_failed_makes_nothing_sure_that_was_written_before() -> None:
    disk = ModelDisk()
    log = disk.mount().open_log("a")
    disk.fault("sync", errno.EIO)
    log.append(b"lost?")
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        log.sync()
    log.append(b"kept")
    log.sync()
    assert {image["a"][-4:] for image in images_of(disk)} == {b"kept"}
    assert {image["a"][:5] for image in images_of(disk)} >= {b"lost?", b"\0\0\0\0\0"}


def test_full_disk_takes_what_fits_and_room_comes_back_with_a_file_that_goes() -> None:
    disk = ModelDisk(capacity_bytes=10_000)
    folder = disk.mount()
    folder.reserve("ballast", 9_000)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        folder.create("a", bytes(2_000))
    assert (folder.names(), folder.room()) == (["ballast"], (1_000, 10_000))
    folder.remove("ballast")
    folder.create("a", bytes(2_000))
    assert disk.fired == {"full": 1}


def test_file_that_a_dead_process_had_not_made_sure_is_sure_once_it_is_opened() -> None:
    disk = ModelDisk({"a": b"old"})
    folder = disk.mount()
    folder.create("b", b"new")
    disk.cut_at = disk.operations_count + 2
    with pytest.raises(PowerCut):
        folder.rename("b", "a")
    disk.revive()
    log = disk.mount().open_log("a")
    log.append(b" and more")
    log.sync()
    assert images_of(disk) == [{"a": b"new and more"}]


def test_name_that_could_not_be_made_sure_is_made_so_by_the_next_try() -> None:
    disk = ModelDisk()
    folder = disk.mount()
    disk.fault("sync_names", errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        folder.open_log("a")
    log = folder.open_log("a")
    log.append(b"x")
    log.sync()
    assert images_of(disk) == [{"a": b"x"}]
