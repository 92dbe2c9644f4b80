"""`daemon service` leaves a file only where a service manager has taken it, and says what to do where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from duplicati_client.cli.daemon.service import check_state_folder
from duplicati_client.errors import ConfigurationInvalid
from tests.unit.cli.daemon.owner import Owner

UNIT = ".config/systemd/user/duplicati-daemon-nas.service"

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="systemd")


@pytest.fixture
def home(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a `systemctl` of its own, which writes down what it is told and ends with what `status` holds."""
    folder = owner.config.parent
    program = folder / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/told\nexit $(cat {folder}/status)\n')
    program.chmod(0o700)
    (folder / "status").write_text("0")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return folder


def test_unit_is_written_and_started(owner: Owner, home: Path) -> None:
    ended = owner.run("service", "install", "--user")
    assert ended.status == 0
    assert "ExecStart=" in (home / UNIT).read_text()
    assert (home / "told").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now duplicati-daemon-nas.service",
    ]
    assert owner.run("service", "uninstall", "--user").status == 0
    assert not (home / UNIT).exists()


def test_without_a_service_manager_nothing_is_left_behind_and_cron_is_named(owner: Owner, home: Path) -> None:
    (home / "status").write_text("1")
    ended = owner.run("service", "install", "--user")
    assert ended.status == 75
    assert "nothing is installed" in ended.stderr
    assert "--cron" in ended.stderr
    assert not (home / UNIT).exists()


def test_unit_that_was_there_stays_when_it_cannot_be_installed_anew(owner: Owner, home: Path) -> None:
    owner.run("service", "install", "--user")
    (home / "status").write_text("1")
    assert owner.run("service", "install", "--user").status == 75
    assert (home / UNIT).exists()


def test_service_of_the_system_needs_a_state_folder_that_is_there(tmp_path: Path) -> None:
    check_state_folder(str(tmp_path))
    with pytest.raises(ConfigurationInvalid) as caught:
        check_state_folder(str(tmp_path / "state"))
    assert "duplicati daemon check" in str(caught.value.hint)
