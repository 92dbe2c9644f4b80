"""Where a Duplicati server's password lies, read for each login anew, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.daemon.config import Server, load
from duplicati_client.daemon.servers import open_server, read_password
from tests.daemon_stage import PASSWORD, write_configuration
from tests.unit.cli.stage import FakeServer
from tests.unit.daemon.linking import way_to

URL = "http://127.0.0.1:8200"


def server_of(password_file: Path | None = None, credential: str | None = None) -> Server:
    return Server("main", way_to(URL), str(password_file) if password_file else None, credential)


@pytest.mark.parametrize("text", ["correct horse\n", "correct horse", "\ufeffcorrect horse\r\nanother line\n"])
def test_password_is_the_first_line_of_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "password"
    path.write_text(text, encoding="utf-8")
    assert read_password(server_of(path), {}) == "correct horse"


def test_password_of_a_credential_is_read_where_systemd_puts_it(tmp_path: Path) -> None:
    (tmp_path / "duplicati-main").write_text("correct horse\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_password(server_of(credential="duplicati-main"), environ) == "correct horse"
    with pytest.raises(errors.ConfigurationInvalid, match="is not there"):
        read_password(server_of(credential="duplicati-main"), {})


def test_server_without_either_has_no_password() -> None:
    assert read_password(server_of(), {}) is None


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"", "no password"), (b"\xff\xfe", "UTF-8")])
def test_password_file_that_cannot_be_used_is_named_without_its_content(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.ConfigurationInvalid, match=why) as caught:
        read_password(server_of(path), {})
    assert str(path) in caught.value.message


def test_password_that_was_changed_is_used_at_the_next_login_without_a_restart(tmp_path: Path) -> None:
    config = load(write_configuration(tmp_path, "http://127.0.0.1:8300", URL))
    fake = FakeServer()
    (tmp_path / "state").mkdir(mode=0o700)
    with (
        open_server(config, config.servers["main"], {}, lambda url, settings: fake) as server,
        pytest.raises(errors.LoginRefused),
    ):
        server.backups.list()
    (tmp_path / "password").write_text("correct horse\n")
    with open_server(config, config.servers["main"], {}, lambda url, settings: fake) as server:
        assert [backup.name for backup in server.backups.list()] == ["Documents", "Photos"]
    assert PASSWORD != "correct horse"
