"""Who the daemon is: its token file, what is remembered beside it, and what is never shown."""

from __future__ import annotations

import base64
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.daemon import identity as identities
from duplicati_client.daemon.identity import FILE, Identity, read_token, show_url, write_secret
from tests.unit.daemon.linking import START_AT, MemoryFolder, write_token

URL = "https://tasks.test/d/unguessable-segment"


def identity(tmp_path: Path, folder: MemoryFolder | None = None, **what: str) -> Identity:
    return Identity(folder or MemoryFolder(), URL, token_file=str(tmp_path / "token"), **what)


def test_without_a_token_file_nothing_is_sent(tmp_path: Path) -> None:
    assert identity(tmp_path).headers() == {}
    assert Identity(MemoryFolder(), URL).headers() == {}
    assert not Identity(MemoryFolder(), URL).reload()


def test_a_token_is_sent_as_a_bearer_or_with_the_name_as_basic(tmp_path: Path) -> None:
    write_token(tmp_path / "token", "tok")
    assert identity(tmp_path).headers() == {"Authorization": "Bearer tok"}
    basic = identity(tmp_path, basic_name="nas").headers()["Authorization"]
    assert base64.b64decode(basic.removeprefix("Basic ")) == b"nas:tok"


def test_a_new_token_takes_the_place_of_the_old_whole_and_for_this_user_alone(tmp_path: Path) -> None:
    one = identity(tmp_path)
    one.keep_token("new", START_AT)
    assert (tmp_path / "token").read_text() == "new\n"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["token"]
    assert one.token == "new"


def test_a_token_that_cannot_be_kept_is_not_used(tmp_path: Path) -> None:
    write_token(tmp_path / "token", "old")
    one = identity(tmp_path)
    one.token_file = str(tmp_path / "nowhere" / "token")
    with pytest.raises(errors.InputOutputFailed):
        one.keep_token("new", START_AT)
    assert one.token == "old"


def test_what_a_crash_left_beside_the_token_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "token.new").write_text("half")
    write_secret(str(tmp_path / "token"), "whole")
    assert read_token(str(tmp_path / "token")) == "whole"


def test_a_link_planted_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("mine")
    (tmp_path / "token.new").symlink_to(tmp_path / "other")
    write_secret(str(tmp_path / "token"), "whole")
    assert (tmp_path / "other").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [("a b\n", 0o600, "no token"), ("", 0o600, "no token"), ("x" * 5000, 0o600, "no token"), ("ü", 0o600, "no token"),
     ("tok", 0o644, "others may read it"), ("tok", 0o640, "others may read it")],
)  # fmt: skip
def test_a_token_file_that_is_not_right_is_told_of_without_its_content(
    tmp_path: Path, text: str, mode: int, why: str
) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(errors.ConfigurationInvalid, match=why) as caught:
        identity(tmp_path)
    assert "tok" not in str(caught.value).replace(str(file), "").replace("token", "")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_plain_file_holds_no_token(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "token"
    write_token(tmp_path / "real", "tok")
    {"folder": file.mkdir, "link": lambda: file.symlink_to(tmp_path / "real"), "pipe": lambda: os.mkfifo(file, 0o600)}[
        kind
    ]()
    with pytest.raises(errors.ConfigurationInvalid):
        read_token(str(file))


def test_a_reload_says_whether_the_token_is_another_and_keeps_the_old_where_the_file_is_bad(tmp_path: Path) -> None:
    write_token(tmp_path / "token", "old")
    one = identity(tmp_path)
    assert not one.reload()
    write_token(tmp_path / "token", "new")
    assert one.reload()
    (tmp_path / "token").write_text("not a token")
    assert not one.reload()
    (tmp_path / "token").unlink()
    assert not one.reload()
    assert one.token == "new"


def test_every_start_is_another_instance(tmp_path: Path) -> None:
    assert identity(tmp_path).instance_id != identity(tmp_path).instance_id


def test_epoch_and_enrolment_outlive_a_restart(tmp_path: Path) -> None:
    folder = MemoryFolder()
    one = identity(tmp_path, folder)
    one.keep_enrolment("d-1", "first")
    again = identity(tmp_path, folder)
    assert again.known.daemon_id == "d-1"
    assert again.is_epoch_changed("second")
    assert not again.is_epoch_changed("first")
    assert not again.is_epoch_changed(None)
    again.keep_epoch("second")
    assert not identity(tmp_path, folder).is_epoch_changed("second")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b'{"epoch": 7}', b'{"token_since": "yesterday"}', b"\xff"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    folder = MemoryFolder()
    folder.files[FILE] = content
    assert identity(tmp_path, folder).known.epoch is None


def test_a_token_is_renewed_at_three_quarters_of_its_life(tmp_path: Path) -> None:
    one = identity(tmp_path)
    assert not one.is_renewal_due(START_AT)
    one.keep_token("tok", START_AT)
    assert not one.is_renewal_due(START_AT + timedelta(days=66))
    assert one.is_renewal_due(START_AT + timedelta(days=67))
    assert not one.is_renewal_due(START_AT - timedelta(days=3650)), "a clock that jumps back is no reason"


def test_neither_token_nor_path_is_shown(tmp_path: Path) -> None:
    write_token(tmp_path / "token", "the-token")
    one = identity(tmp_path)
    told = one.mask("GET https://tasks.test/d/unguessable-segment/api the-token unguessable-segment")
    assert "unguessable" not in told
    assert "the-token" not in told


@pytest.mark.parametrize(
    ("url", "shown"),
    [("https://tasks.test", "https://tasks.test"), (URL, "https://tasks.test/…"),
     ("http://[::1]:8300/x/", "http://[::1]:8300/…"), ("https://a.test:8443/", "https://a.test:8443")],
)  # fmt: skip
def test_an_address_is_shown_without_its_path(url: str, shown: str) -> None:
    assert show_url(url) == shown


def test_nothing_secret_is_kept_beside_the_token(tmp_path: Path) -> None:
    folder = MemoryFolder()
    one = identity(tmp_path, folder)
    one.keep_token("very-secret", START_AT)
    one.keep_enrolment("d-1", "e")
    assert set(json.loads(folder.files[FILE])) == set(identities.Known._fields)
    assert b"very-secret" not in folder.files[FILE]


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    folder = MemoryFolder()
    folder.is_full = True
    with pytest.raises(errors.InputOutputFailed):
        identity(tmp_path, folder).keep_epoch("e")
