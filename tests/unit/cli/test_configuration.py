"""Where the configuration lies, and what becomes of one that cannot be read or written."""

from __future__ import annotations

import os
import stat

import pytest

from duplicati_client import errors
from duplicati_client.cli.configuration import find_file, find_state_folder, load


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HOME": "/home/ann"}, "/home/ann/.config/duplicati-client/config.toml"),
        ({"HOME": "/home/ann", "XDG_CONFIG_HOME": "/etc/ann"}, "/etc/ann/duplicati-client/config.toml"),
        ({"HOME": "/home/ann", "XDG_CONFIG_HOME": "relative"}, "/home/ann/.config/duplicati-client/config.toml"),
        ({"HOME": "/home/ann", "DUPLICATI_CLIENT_CONFIG": "/srv/c.toml"}, "/srv/c.toml"),
        ({"HOME": "nowhere"}, None),
    ],
)
def test_the_file_is_where_the_environment_says(environ, path):
    assert find_file(environ) == path


def test_state_lies_apart_from_the_configuration():
    assert find_state_folder({"HOME": "/home/ann"}) == "/home/ann/.local/state/duplicati-client"
    assert find_state_folder({"DUPLICATI_CLIENT_STATE_DIR": "/var/lib/x"}) == "/var/lib/x"


def test_a_missing_file_says_nothing(tmp_path):
    configuration = load(str(tmp_path / "config.toml"))
    assert (configuration.current, dict(configuration.contexts), dict(configuration.groups)) == (None, {}, {})


def test_changes_make_folder_and_file_for_the_owner_alone(tmp_path):
    path = tmp_path / "new" / "config.toml"
    assert load(str(path)).set({("current",): "nas"}).current == "nas"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [name for name in os.listdir(path.parent) if name.endswith(".new")] == []


def test_a_link_to_a_file_kept_elsewhere_stays_a_link(tmp_path):
    (tmp_path / "dotfiles.toml").write_text("# mine\n")
    link = tmp_path / "config.toml"
    link.symlink_to(tmp_path / "dotfiles.toml")
    load(str(link)).set({("current",): "nas"})
    assert link.is_symlink()
    assert "# mine" in (tmp_path / "dotfiles.toml").read_text()


def test_a_change_keeps_what_another_program_wrote_meanwhile(tmp_path):
    path = str(tmp_path / "config.toml")
    early, late = load(path), load(path)
    early.set({("contexts", "a", "url"): "http://a"})
    assert set(late.set({("contexts", "b", "url"): "http://b"}).contexts) == {"a", "b"}


@pytest.mark.parametrize("content", [b"current = ", b"\xff\xfe", b"contexts = 3\n"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(errors.ConfigurationInvalid, match=str(path)):
        _ = load(str(path)).contexts


def test_a_byte_order_mark_is_no_damage(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbfcurrent = "nas"\n')
    assert load(str(path)).current == "nas"


def test_where_nothing_can_be_written_a_change_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.CannotCreate):
        load(str(tmp_path / "file" / "config.toml")).set({("current",): "nas"})


def test_without_a_home_a_change_says_what_to_set():
    with pytest.raises(errors.CannotCreate) as caught:
        load(None).set({("current",): "nas"})
    assert "DUPLICATI_CLIENT_CONFIG" in caught.value.hint
