"""Whatever a daemon's configuration says, the file that is written of it is read back as exactly that."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client.cli.daemon.template import write_configuration
from duplicati_client.daemon import config as configs
from duplicati_client.daemon import policy
from duplicati_client.daemon.config import DaemonConfig, Server, TaskServer, Way
from duplicati_client.daemon.presets import OFFERED
from duplicati_client.daemon.tables import Document
from tests.unit.cli.stage import Stage

PATH = "/etc/duplicati-client/daemon.toml"
SOUND = ("--server=sound=https://nas.test", "--password-stdin")
NASTY = (
    *(
        '"',
        "'",
        "\\",
        '"""',
        "'''",
        "#",
        "=",
        "[policy]",
        "]",
        r"\u0041",
        r"\n",
        "~",
        "$HOME",
        "%",
        "ü",
        "🗿",
        " ",
        "-x",
    ),
    *("a\x00b", "a\nb", "\x1b[2J", "\u202e", "..", "a=b", "", "\x7f", "a.b"),
)
hostile = st.text(max_size=12) | st.sampled_from(NASTY)
parts = hostile.map(lambda text: "".join(c for c in text if c.isprintable() and c != "/") or "x")
paths = st.lists(parts, min_size=1, max_size=3).map(lambda found: os.path.abspath("/" + "/".join(found)))
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
hosts = st.from_regex(r"[a-z0-9]{1,9}\.test", fullmatch=True)
tails = st.sampled_from([":8200", "", "/a", ":1/d/x'y"])
pins = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
proxies = st.sampled_from([None, "none", "http://proxy.test:3128"])
safe_ways = st.builds(
    lambda host, tail, *rest: Way(f"https://{host}{tail}", *rest, False),
    *(hosts, tails, st.none() | paths, st.none() | pins, proxies),
)
ways = safe_ways | hosts.map(lambda host: Way(f"http://{host}", None, None, None, True))
logins = st.tuples(st.none() | paths, st.none(), st.none() | paths) | st.tuples(st.none(), names, st.none() | paths)
servers = st.dictionaries(names, st.tuples(ways, logins), min_size=1, max_size=3).map(
    lambda found: {alias: Server(alias, way, *login) for alias, (way, login) in found.items()}
)
configurations = st.builds(
    DaemonConfig,
    path=st.just(PATH),
    name=names,
    state_folder=paths,
    policy_file=st.just(PATH),
    task_server=st.builds(TaskServer, ways, paths, st.booleans()),
    servers=servers,
    poll_seconds=st.integers(1, 86_400),
    in_flight_count=st.integers(1, 10_000),
    floor_bytes=st.integers(0, 1024 * 1024).map(lambda count: count * 1024 * 1024),
)


@given(configurations, st.sampled_from(OFFERED))
@settings(deadline=None, max_examples=60)
def test_what_is_written_is_read_back_as_what_was_meant(config: DaemonConfig, preset: str) -> None:
    text = write_configuration(config, preset)
    document = Document(PATH, text, tomllib.loads(text))
    assert configs.read(document) == config
    assert policy.read(document, config.servers).preset == preset


@given(alias=hostile, target=hostile, state=hostile, password=hostile, task_server=hostile)
@settings(deadline=None, max_examples=50)
def test_hostile_words_write_a_sound_file_or_none(
    alias: str, target: str, state: str, password: str, task_server: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        _init(stage, password, f"--server={alias}={target}", "--task-server=https://tasks.test")
        _init(stage, password, f"--task-server={task_server}")
        _init(stage, password, "--task-server=https://tasks.test", f"--state={folder}/{state}")
        _init(stage, password, "--task-server=https://tasks.test", f"--name={alias}")


def _init(stage: Stage, password: str, *words: str) -> None:
    """Write over what was written before; what is there is always whole, and nothing else is left."""
    before = {found: found.read_bytes() for found in stage.home.rglob("*") if found.is_file()}
    ended = stage.run("daemon", "init", *SOUND, *words, "--force", "--output=json", stdin=password)
    assert ended.status in (0, 64, 65, 78)
    after = {found: found.read_bytes() for found in stage.home.rglob("*") if found.is_file()}
    if ended.status:
        assert after == before
        return
    item = json.loads(ended.stdout)["item"]
    config = configs.load(item["path"])
    policy.load(item["path"], config.servers)
    assert sorted(item["servers"]) == sorted(config.servers)
    assert {str(found) for found in set(after) - set(before)} <= {item["path"], *item["password_files"]}
