"""The commented file: every setting that is left out is shown, and the daemon takes what is shown."""

from __future__ import annotations

import tomllib

import pytest

from duplicati_client.cli.daemon.template import write_configuration
from duplicati_client.daemon import config as configs
from duplicati_client.daemon import policy
from duplicati_client.daemon.config import DaemonConfig, Server, TaskServer, Way
from duplicati_client.daemon.presets import PRESETS
from duplicati_client.daemon.tables import Document

PATH = "/etc/duplicati-client/daemon.toml"
CONFIG = DaemonConfig(
    path=PATH,
    name="nas",
    state_folder="/var/lib/nas",
    policy_file=PATH,
    task_server=TaskServer(Way("https://tasks.test", None, None, None, False), "/var/lib/nas/token"),
    servers={
        "main": Server("main", Way("http://127.0.0.1:8200", None, None, None, False), None, None),
        "attic": Server("attic", Way("https://attic.test", None, None, None, False), "/attic", None),
    },
    poll_seconds=configs.POLL_SECONDS,
    in_flight_count=configs.IN_FLIGHT_COUNT,
    floor_bytes=configs.FLOOR_MIB * 1024 * 1024,
)
TEXT = write_configuration(CONFIG, "run")


def read(text: str) -> tuple[DaemonConfig, policy.Policy]:
    document = Document(PATH, text, tomllib.loads(text))
    return configs.read(document), policy.read(document, CONFIG.servers)


def blocks_left_out() -> list[str]:
    """Return what is written as a remark that could stand there: single settings, and tables with their keys."""
    blocks: list[str] = []
    for line in TEXT.splitlines():
        if not line.startswith("#") or line.startswith("# "):
            continue
        if blocks and blocks[-1].startswith("#[[") and not line.startswith("#[["):
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return blocks


@pytest.mark.parametrize("block", blocks_left_out(), ids=lambda block: block.splitlines()[-1])
def test_a_setting_that_is_left_out_can_be_put_in_by_taking_its_mark_away(block: str) -> None:
    read(TEXT.replace(block, block.replace("\n#", "\n").removeprefix("#"), 1))


def test_everything_that_a_configuration_can_have_is_shown_and_nothing_else() -> None:
    shown = {line.partition(" =")[0].lstrip("#") for line in TEXT.splitlines() if line[:2] != "# " and " = " in line}
    known = "name state_folder poll_seconds url allow_http ca_file pin proxy token_file basic password_file credential"
    known += " session_file in_flight free_space_mib preset zone operations hours backups at_most per each"
    known += " on_interrupted"
    assert shown == set(known.split())


def test_what_is_shown_as_the_usual_value_is_the_usual_value() -> None:
    changed = TEXT
    for line in ("poll_seconds = 30", 'token_file = "/var/lib/nas/token"', "in_flight = 1000", "free_space_mib = 64"):
        assert f"#{line}\n" in changed
        changed = changed.replace(f"#{line}", line)
    assert read(changed)[0] == read(TEXT)[0] == CONFIG


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_explained_and_can_be_the_one(preset: str) -> None:
    text = write_configuration(CONFIG, preset)
    assert PRESETS[preset].about in text
    assert read(text)[1].digest == policy.Policy(preset).digest


def test_remarks_fit_a_terminal() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > 88] == []
