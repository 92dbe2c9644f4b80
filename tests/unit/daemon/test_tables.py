"""The owner's files: who may change them, what of them is refused, and in which line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from duplicati_client.daemon.tables import FILE_BYTES_MAX, Document, Table, read_document
from duplicati_client.errors import ConfigurationInvalid
from tests.unit.daemon.owner import write_document

TEXT = """\
name = "nas"   # a remark
 [ servers . main ]
url = "http://a"

["servers"."nas.local"]
'url' = "x"
[[policy.allow]]
name = "one"
[[policy.allow]]

name = "two"
hours = [
  "22:00-06:00",
  "x",
]
[policy.more]
deep.down.key = 3
[last]
inline = { one = 1, two = { three = 3 } }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    return private


def write(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "daemon.toml"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def refuse(folder: Path, content: bytes, mode: int = 0o600) -> ConfigurationInvalid:
    path = write(folder, content, mode)
    with pytest.raises(ConfigurationInvalid) as failure:
        read_document(path)
    assert path in failure.value.message
    return failure.value


# --- who may change it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o755])
def test_file_that_only_its_owner_may_change_is_read(folder: Path, mode: int) -> None:
    assert read_document(write(folder, b"x = 1\r\ny = 2\r\n", mode)).data == {"x": 1, "y": 2}


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o660])
def test_file_that_others_may_change_is_refused(folder: Path, mode: int) -> None:
    failure = refuse(folder, b"x = 1", mode)
    assert f"others may change {folder}/daemon.toml (mode {mode:04o})" in failure.message
    assert failure.hint == f"chmod go-w {folder}/daemon.toml"


def test_file_in_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    path = write(folder, b"x = 1")
    folder.chmod(0o777)
    with pytest.raises(ConfigurationInvalid, match="others may write to"):
        read_document(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_user_is_refused(folder: Path) -> None:
    path = write(folder, b"x = 1")
    os.chown(path, 12345, -1)
    with pytest.raises(ConfigurationInvalid, match="belongs to user 12345") as failure:
        read_document(path)
    assert "chown" in str(failure.value.hint)


def test_missing_file_is_told_with_the_command_that_makes_one(folder: Path) -> None:
    path = str(folder / "daemon.toml")
    with pytest.raises(ConfigurationInvalid, match="there is no file") as failure:
        read_document(path)
    assert failure.value.hint == f"duplicati daemon init --config {path}"


def test_folder_pipe_and_dangling_link_are_no_files(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    told = []
    for name in ("folder", "pipe", "link"):
        with pytest.raises(ConfigurationInvalid) as failure:
            read_document(str(folder / name))
        told.append(failure.value.message.replace(str(folder), ""))
    assert told == ["/folder is no plain file", "/pipe is no plain file", "there is no file /link"]


def test_descriptors_are_given_back_whatever_was_wrong(folder: Path) -> None:
    (folder / "folder").mkdir()
    path = write(folder, b"x = ", 0o666)
    before = set(os.listdir("/dev/fd"))
    for name in (str(folder / "folder"), path):
        with pytest.raises(ConfigurationInvalid):
            read_document(name)
    assert set(os.listdir("/dev/fd")) <= before


# --- what is no TOML ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x = 1\ny = \n", "not valid TOML: Invalid value (at line 2"),
        (b"x = 1\nx = 2\n", "not valid TOML: Cannot overwrite a value (at line 2"),
        (b"\x00", "not valid TOML"),
        (b"x = 1\ny = '\xff'", ":2: this is not UTF-8 text"),
        (b"\xff\xfex\x00", ":1: this is not UTF-8 text"),
        (b"x = " + b"9" * 5000, "a number of too many digits"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"x = " + b"{a=" * 5000 + b"1" + b"}" * 5000, "nested too deeply"),
        (b"y = 1\n" + b"a." * 200_000 + b"a = 1", ":2: a key has more than 32 parts"),
        (b"[" + b"'a' . " * 100_000 + b"a]", ":1: a key has more than 32 parts"),
        (b"x = {" + b'"a".' * 100_000 + b"a = 1}", ":1: a key has more than 32 parts"),
        (b"#" * (FILE_BYTES_MAX + 1), "larger than 1024 KiB"),
    ],
)
def test_what_is_no_text_of_a_person_is_refused_in_bounded_time(folder: Path, content: bytes, told: str) -> None:
    assert told in refuse(folder, content).message


def test_file_of_the_largest_size_is_read(folder: Path) -> None:
    assert read_document(write(folder, b"#" * FILE_BYTES_MAX)).data == {}


def test_dots_in_texts_and_remarks_are_no_parts_of_a_key(folder: Path) -> None:
    hosts = [f"host-{number}.example" for number in range(60)]
    lines = [f"x = '{'a.' * 50}'", f"y = {hosts}", "# " + "a sentence. " * 60, "z = 1  # " + "." * 90]
    assert set(read_document(write(folder, "\n".join(lines).encode())).data) == {"x", "y", "z"}


def test_mark_that_some_editors_put_before_the_text_is_no_part_of_it(folder: Path) -> None:
    assert read_document(write(folder, b"\xef\xbb\xbfx = 1")).data == {"x": 1}


def test_values_are_in_no_message_about_the_form(folder: Path) -> None:
    for content in (b"x = hunter2secret", b"x = 'hunter2secret", b"hunter2secret", b"x = 'a' hunter2secret"):
        assert "hunter2secret" not in refuse(folder, content).message


# --- where something stands -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("name",), 1),
        (("servers", "main"), 2),
        (("servers", "main", "url"), 3),
        (("servers", "main", "missing"), 2),
        (("servers", "nas.local"), 5),
        (("servers", "nas.local", "url"), 6),
        (("policy", "allow", 0), 7),
        (("policy", "allow", 0, "name"), 8),
        (("policy", "allow", 1), 9),
        (("policy", "allow", 1, "name"), 11),
        (("policy", "allow", 1, "hours"), 12),
        (("policy", "allow", 1, "missing"), 9),
        (("policy", "more", "deep", "down", "key"), 17),
        (("last", "inline", "two", "three"), 19),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_line_is_that_of_the_key_or_of_the_nearest_table(place: tuple[str | int, ...], line: int | None) -> None:
    assert write_document(TEXT).find_line(place) == line


def test_line_is_found_in_bounded_time_in_texts_that_look_like_keys_and_headings() -> None:
    spaces = " " * 300_000
    text = f"x = '''\n[{spaces}\na{spaces}\n[[{'[' * 300_000}\n{'a.' * 100_000}\n{spaces}=\n'''\ny = 1"
    assert Document("f", text, {}).find_line(("y",)) == 8


@pytest.mark.parametrize("key", ["\x1b[2J", "\u202egnp", "a\nb", "x" * 5000])
def test_strange_key_is_shown_so_that_it_harms_no_terminal(key: str) -> None:
    with pytest.raises(ConfigurationInvalid) as failure:
        Table(Document("f", "", {key: 1}), (), {key: 1}).finish()
    assert failure.value.message.isprintable()
    assert len(failure.value.message) < 200


# --- one key after the other ----------------------------------------------------------------------------


def table(text: str) -> Table:
    return write_document(text).root


@pytest.mark.parametrize("text", ["k = ''", "k = 3", "k = ['a']", 'k = "a\\nb"', 'k = "\\u0000"', "k = {}", "k = true"])
def test_text_is_one_line_that_can_be_printed(text: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="k is not a line of text"):
        table(text).take_text("k")


@pytest.mark.parametrize("text", ["k = 'true'", "k = 1", "k = []"])
def test_flag_is_true_or_false(text: str) -> None:
    assert table("k = true").take_flag("k") is True
    assert table("").take_flag("k", default=True) is True
    with pytest.raises(ConfigurationInvalid, match="neither true nor false"):
        table(text).take_flag("k")


@pytest.mark.parametrize("text", ["k = 0", "k = 6", "k = 1.0", "k = '1'", "k = true", "k = 2026-11-24", "k = nan"])
def test_number_is_whole_and_within_its_bounds(text: str) -> None:
    assert table("k = 5").take_number("k", 1, 5) == 5
    with pytest.raises(ConfigurationInvalid, match="is not a whole number from 1 to 5"):
        table(text).take_number("k", 1, 5)


def test_one_text_is_a_list_of_it() -> None:
    assert table("k = 'a'").take_texts("k") == ("a",)
    assert table("k = ['a', 'b', 'a']").take_texts("k", ["a", "b"]) == ("a", "b")
    assert table("").take_texts("k") is None


def test_choice_is_one_word_of_those_known() -> None:
    assert table("k = 'hour'").take_choice("k", ("hour", "day"), "day") == "hour"
    assert table("").take_choice("k", ("hour", "day"), "day") == "day"
    for text in ("k = ['hour', 'day']", "k = ['hour']", "k = 1", "k = 'Hour'", "k = ''"):
        with pytest.raises(ConfigurationInvalid, match=r"k (is not one word|has '(Hour)?', which there is not)"):
            table(text).take_choice("k", ("hour", "day"), "day")


@pytest.mark.parametrize("text", ["k = 1", "k = [1]", "k = [{}, 1]"])
def test_tables_have_to_be_tables(text: str) -> None:
    with pytest.raises(ConfigurationInvalid):
        table(text).take_tables("k")
    with pytest.raises(ConfigurationInvalid):
        table(text).take_table("k")


def test_named_tables_come_by_name_and_anything_else_among_them_is_refused() -> None:
    assert list(table("[k.a]\n[k.b]").take_named("k")) == ["a", "b"]
    assert table("").take_named("k") == {}
    with pytest.raises(ConfigurationInvalid, match=r"k\.c is not a table"):
        table("[k]\nc = 1").take_named("k")


def test_key_that_nobody_took_is_refused_with_the_nearest_one() -> None:
    found = table("colour = 1\nnam = 2")
    found.skip("colour")
    found.take_text("name")
    with pytest.raises(ConfigurationInvalid, match="nam is not known") as failure:
        found.finish()
    assert failure.value.hint == "did you mean name?"


@pytest.mark.parametrize(
    "key", ["password", "Token", "SECRET", "passphrase", "api_key", "signin_token", "forever_token"]
)
def test_secret_in_the_file_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="no secret belongs in this file") as failure:
        table(f"{key} = 'hunter2secret'").finish()
    assert "hunter2secret" not in failure.value.message + str(failure.value.hint)
