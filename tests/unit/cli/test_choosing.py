"""Which servers a command is for."""

from __future__ import annotations

import pytest

from tests.unit.cli.stage import FakeServer, Stage

URLS = [f"http://{name}.test:8200" for name in ("attic", "cellar", "office1", "office2")]


@pytest.fixture
def many(tmp_path) -> Stage:
    stage = Stage(tmp_path, *map(FakeServer, URLS))
    for url in URLS:
        stage.log_in("--name", url.split("/")[2].split(".")[0], url=url)
    stage.run("config", "set", "groups.work", "office*")
    return stage


def asked(stage, *words, **environ):
    ended = stage.run("list", "backups", "--output", "csv", "--columns", "server", *words, **environ)
    assert ended.status == 0, ended.stderr
    return list(dict.fromkeys(ended.stdout.split()[1:]))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--all"], ["attic", "cellar", "office1", "office2"]),
        (["--on", "work"], ["office1", "office2"]),
        (["--on", "office2", "--on", "work"], ["office2", "office1"]),
        (["--on", "*c*l*"], ["cellar"]),
        (["--on", "attic", "--on", "attic"], ["attic"]),
    ],
)
def test_contexts_are_chosen_by_name_group_and_pattern_each_once(many, words, names):
    assert asked(many, *words) == names


def test_the_environment_can_choose_several(many):
    assert asked(many, DUPLICATI_CLIENT_ON="attic,cellar") == ["attic", "cellar"]


def test_an_option_for_one_server_beats_an_environment_for_many(many):
    ended = many.run("list", "backups", "--context", "attic", DUPLICATI_CLIENT_ALL="1")
    assert "SERVER" not in ended.stdout


@pytest.mark.parametrize("words", [["--on", "nowhere"], ["--context", "atic"], ["--on", "work*"]])
def test_a_context_that_is_not_there_is_told_with_those_that_are(many, words):
    ended = many.run("list", "backups", *words)
    assert ended.status == 78
    assert words[1] in ended.stderr
    assert "attic" in ended.stderr


def test_without_any_server_the_next_step_is_a_login(stage):
    ended = stage.run("list", "backups")
    assert (ended.status, ended.stderr) == (77, "duplicati: no server is known yet\n  try: duplicati login URL\n")


def test_an_address_finds_its_context_and_that_ones_session(stage):
    stage.log_in()
    assert stage.run("list", "backups", "--server", "http://NAS.test:8200/").status == 0
    assert stage.server.requests.count("POST api/v1/auth/login") == 1
