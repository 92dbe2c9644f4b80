"""Names come from the server, from what was asked a moment ago, or not at all; nothing is renewed and nobody asked."""

from __future__ import annotations

import json
import stat
import threading
import time

import pytest

from duplicati_client import errors
from duplicati_client.cli.call import Call, Process
from duplicati_client.cli.completion.cache import DAEMONS_OF, Cache, Name
from duplicati_client.cli.completion.names import NameFinder, choose_words, refresh_names
from duplicati_client.cli.console import Console
from duplicati_client.cli.parser import Given
from duplicati_client.cli.verbs import Verb
from tests.fakes import Clock
from tests.unit.cli.distance.conftest import Scene
from tests.unit.cli.stage import URL, Stage, Terminal, backup


class Pressed:
    """TABs at one home: what they find, and which processes they start."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.spawned: list[list[str]] = []
        stage.log_in("--name", "nas")
        self.state = stage.home / ".local" / "state" / "duplicati-client"
        self.session_file = self.state / "sessions" / "nas.json"
        self.cache_file = self.state / "completion" / "nas.json"
        stage.server.requests.clear()

    def find(self, kind: str = "backup", **given: object) -> list[str]:
        names = NameFinder(lambda words: self.spawned.append(list(words)))(self.call(**given), kind)
        return [name.value for name in names]

    def call(self, **given: object) -> Call:
        environ = self.stage.environ
        console = Console(Terminal(), Terminal(), Terminal(), environ)
        process = Process(environ, console, _never, lambda url, _: self.stage.servers[url])
        return Call(Verb("run", "", ""), Given((), given), process)

    def change_session(self, **fields: object) -> None:
        session = json.loads(self.session_file.read_text(encoding="utf-8"))
        self.session_file.write_text(json.dumps(session | fields), encoding="utf-8")

    def age_cache(self, seconds: float) -> None:
        kept = json.loads(self.cache_file.read_text(encoding="utf-8"))
        for entry in kept["kinds"].values():
            entry["at"] -= seconds
        self.cache_file.write_text(json.dumps(kept), encoding="utf-8")


def _never(prompt: str) -> str:
    raise AssertionError("nobody may be asked")


@pytest.fixture
def pressed(stage) -> Pressed:
    return Pressed(stage)


def test_names_come_from_the_server_with_one_request(pressed):
    assert pressed.find() == ["Documents", "Photos"]
    assert pressed.stage.server.requests == ["GET api/v1/backups"]


def test_second_press_asks_nothing(pressed):
    pressed.find()
    pressed.stage.server.requests.clear()
    assert pressed.find() == ["Documents", "Photos"]
    assert pressed.stage.server.requests == []


def test_new_backup_is_offered_after_a_few_seconds(pressed):
    pressed.find()
    pressed.stage.server.answers["GET api/v1/backups"] = [backup("3", "New")]
    pressed.age_cache(11)
    assert pressed.find() == ["New"]


def test_cache_is_private_and_holds_names_alone(pressed):
    pressed.find("setting")
    assert stat.S_IMODE(pressed.cache_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(pressed.cache_file.parent.stat().st_mode) == 0o700
    text = pressed.cache_file.read_text(encoding="utf-8")
    assert "server-passphrase" in text
    assert "hash" not in text
    assert "a.b.c" not in text


def test_session_that_has_to_be_renewed_is_left_to_another_process_which_starts_once(pressed):
    pressed.change_session(access_ends_at=1.0)
    assert pressed.find() == []
    assert pressed.find() == []
    assert pressed.stage.server.requests == []
    assert pressed.spawned == [["completion", "refresh", "backup", "--context", "nas"]]


def test_that_process_renews_and_leaves_the_names(pressed):
    pressed.change_session(access_ends_at=1.0)
    pressed.find()
    refresh_names(pressed.call(context="nas"), "backup")
    assert pressed.stage.server.requests == ["POST api/v1/auth/refresh", "GET api/v1/backups"]
    assert pressed.find() == ["Documents", "Photos"]


def test_that_process_never_logs_in_with_a_password(pressed):
    pressed.change_session(access_ends_at=1.0)
    pressed.stage.server.is_login_alive = False
    pressed.stage.environ["DUPLICATI_CLIENT_PASSWORD"] = "correct horse"
    refresh_names(pressed.call(context="nas"), "backup")
    assert pressed.stage.server.requests == ["POST api/v1/auth/refresh"]


def test_refused_token_costs_no_session(pressed):
    def refuse():
        raise errors.SessionEnded("refused")

    pressed.stage.server.answers["GET api/v1/backups"] = refuse
    before = pressed.session_file.read_text(encoding="utf-8")
    assert pressed.find() == []
    assert pressed.session_file.read_text(encoding="utf-8") == before


def test_server_that_hangs_is_waited_for_a_third_of_a_second_and_old_names_serve(pressed):
    pressed.find()
    pressed.age_cache(3600)
    released = threading.Event()
    pressed.stage.server.answers["GET api/v1/backups"] = lambda: released.wait(5) or []
    started_at = time.monotonic()
    assert pressed.find() == ["Documents", "Photos"]
    assert time.monotonic() - started_at < 1.0
    released.set()
    assert len(pressed.spawned) == 1


def test_names_of_yesterday_are_no_longer_offered(pressed):
    pressed.find()
    pressed.age_cache(2 * 86400)
    pressed.stage.server.failure = errors.ConnectionRefused("nothing answers")
    assert pressed.find() == []


def test_numbers_of_tasks_are_never_old(pressed):
    pressed.stage.server.answers["GET api/v1/tasks"] = [{"ID": 3}]
    assert pressed.find("task") == ["3"]
    pressed.age_cache(11)
    pressed.stage.server.failure = errors.ConnectionRefused("nothing answers")
    assert pressed.find("task") == []


def test_without_a_session_nothing_is_asked_and_nothing_kept(pressed):
    pressed.find()
    pressed.session_file.unlink()
    pressed.stage.server.requests.clear()
    assert pressed.find() == []
    assert pressed.stage.server.requests == []
    assert not pressed.cache_file.exists()


def test_context_that_is_forgotten_leaves_no_names(pressed):
    pressed.find()
    assert pressed.stage.run("logout", "--forget").status == 0
    assert not pressed.cache_file.exists()


def test_keyring_is_not_touched(pressed):
    pressed.stage.run("config", "set", "keyring_session", "true", "--context", "nas")
    pressed.stage.server.requests.clear()
    assert pressed.find() == []
    assert (pressed.stage.server.requests, pressed.spawned) == ([], [])


@pytest.mark.parametrize("given", [{"server": "http://other.test:8200"}, {"context": "missing"}, {"on": ["none"]}])
def test_server_that_is_not_known_has_no_names(pressed, given):
    assert pressed.find(**given) == []


def test_server_without_anything_set_up_has_no_names(stage):
    environ = stage.environ
    process = Process(environ, Console(Terminal(), Terminal(), Terminal(), environ), _never)
    assert NameFinder()(Call(Verb("run", "", ""), Given((), {}), process), "backup") == []


def test_answer_that_is_no_list_is_none(pressed):
    pressed.stage.server.answers["GET api/v1/backups"] = {"nonsense": True}
    assert pressed.find() == []


def test_name_that_would_not_do_is_replaced_by_the_number():
    names = [
        ("a\nb", "1"),
        ("\x1b[31m", "2"),
        ("-x", "3"),
        ("twice", "4"),
        ("twice", "5"),
        ("7", "6"),
        ("x", "7"),
        ("", "8"),
    ]
    assert [name.value for name in choose_words(names)] == ["1", "2", "3", "4", "5", "6", "x", "8"]


def test_cache_belongs_to_an_address(tmp_path):
    Cache(str(tmp_path), "nas", URL).write("backup", [Name("a")])
    assert Cache(str(tmp_path), "nas", URL).read("backup").names == [Name("a")]
    assert Cache(str(tmp_path), "nas", "http://other.test").read("backup") is None


def test_context_name_cannot_lead_the_cache_elsewhere(tmp_path):
    Cache(str(tmp_path), "../../x", URL).write("backup", [Name("a")])
    assert [path.name for path in (tmp_path / "completion").iterdir()] == ["..%2F..%2Fx.json"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"url": "%s", "kinds": []}', '{"url": "%s", "kinds": {"backup": {"at": "x", "names": []}}}',
     '{"url": "%s", "kinds": {"backup": {"at": 9e12, "names": []}}}', '{"url": "%s", "kinds": {"backup": {"at": 1}}}'],
)  # fmt: skip
def test_damaged_cache_is_none(tmp_path, text):
    (tmp_path / "completion").mkdir()
    (tmp_path / "completion" / "nas.json").write_text(text.replace("%s", URL), encoding="utf-8")
    assert Cache(str(tmp_path), "nas", URL).read("backup") is None


def test_background_is_claimed_by_one_at_a_time(tmp_path):
    clock = Clock(time.time())
    cache = Cache(str(tmp_path), "nas", URL, clock=clock)
    assert cache.claim()
    assert not cache.claim()
    clock.now += 31
    assert cache.claim()


def test_place_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "completion").write_text("a file")
    cache = Cache(str(tmp_path), "nas", URL)
    cache.write("backup", [Name("a")])
    cache.forget()
    assert cache.read("backup") is None
    assert not cache.claim()


# --- beside daemons -----------------------------------------------------------------------------------------


@pytest.fixture
def beside(tmp_path):
    scene = Scene(tmp_path / "home")
    told = [{"ID": "1", "Name": "Documents"}, {"ID": "2", "Name": "Photos"}]
    scene.fleet.daemon["Inventory"]["Servers"][0]["Backups"] = told
    pressed = Pressed(scene.stage)
    scene.fleet.requests.clear()
    return pressed, scene.fleet


def test_backups_beside_a_daemon_are_those_that_its_task_server_knows(beside):
    pressed, fleet = beside
    assert pressed.find(context="far/nas") == ["Documents", "Photos"]
    assert pressed.find(context="far/nas") == ["Documents", "Photos"]
    assert fleet.requests == ["GET daemons/nas"]


def test_daemons_of_a_task_server_are_contexts(beside):
    pressed, _ = beside
    assert pressed.find(f"{DAEMONS_OF}far") == ["far/nas"]


def test_task_server_that_does_not_answer_leaves_what_is_kept(beside):
    pressed, fleet = beside
    pressed.find(context="far/nas")
    fleet.failures = [errors.ConnectionRefused("nobody")] * 9
    pressed.cache_file = pressed.state / "completion" / "far%2Fnas.json"
    pressed.age_cache(3600)
    assert pressed.find(context="far/nas") == ["Documents", "Photos"]
    pressed.age_cache(86400)
    assert pressed.find(context="far/nas") == []


@pytest.mark.parametrize("kind", ["task", "setting", "notification"])
def test_what_a_task_server_does_not_know_is_not_offered(beside, kind):
    pressed, fleet = beside
    assert pressed.find(kind, context="far/nas") == []
    assert fleet.tasks == []
