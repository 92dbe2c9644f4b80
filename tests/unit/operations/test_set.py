"""`set`: words become fields of backups or settings of the server, and nothing is sent unless all are right."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duplicati_client import errors
from duplicati_client.operations import set as setting
from duplicati_client.operations.assignments import Assignment, make_assignments, read_assignment, refuse_typed_secret
from duplicati_client.operations.changes import Change
from tests.definition_server import DefinitionServer, definition

NOON = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)


def read(*words: str) -> list[Assignment]:
    told = [read_assignment(word) for word in words]
    assert all(told)
    return told


@pytest.fixture
def server() -> DefinitionServer:
    return DefinitionServer(definition())


def changed(server: DefinitionServer, *words: str) -> dict[str, object]:
    """Return the fields that these words change."""
    [(draft, fields)] = setting.plan_backups(server.connect(), ["3"], read(*words))
    return {name: fields.get(name) for name in {*fields, *draft.fields} if fields.get(name) != draft.fields.get(name)}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("name=a=b", Assignment("name", "=", "a=b")),
        ("description=", Assignment("description", "=", "")),
        ("settings.keep-versions-", Assignment("settings.keep-versions", "-")),
        ("sources+=/a/", Assignment("sources", "+=", "/a/")),
        ("filters-=-*.tmp", Assignment("filters", "-=", "-*.tmp")),
        ("--keep-versions=7", Assignment("--keep-versions", "=", "7")),
        ("description=two\nlines", Assignment("description", "=", "two\nlines")),
        ("Documents", None),
        ("photo*", None),
    ],
)
def test_a_word_is_an_assignment_or_none(word, told):
    assert read_assignment(word) == told


def test_several_fields_change_at_once(server):
    assert changed(server, "name=Papers", "settings.keep-versions=9", "schedule.repeat=12h", "description=") == {
        "name": "Papers", "settings.keep-versions": "9", "schedule.repeat": "12h", "description": "",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["settings.keep-versions-", "settings.keep-versions="])
def test_a_setting_is_taken_away(server, word):
    assert changed(server, word) == {"settings.keep-versions": None}


def test_dashes_and_case_of_a_settings_name_are_forgiven(server):
    assert changed(server, "settings.--keep-versions=9") == {"settings.keep-versions": "9"}
    assert changed(server, "settings.Keep-Versions=9") == {"settings.keep-versions": "9"}
    assert changed(server, "settings.Symlink-Policy=Follow") == {"settings.symlink-policy": "Follow"}


def test_lists_are_set_added_to_and_taken_from(server):
    assert changed(server, "sources=/a/", "sources=/b,c/") == {"sources": ("/a/", "/b,c/")}
    assert changed(server, "sources+=/a/", "sources+=/home/me/docs/") == {
        "sources": ("/home/me/docs/", "/home/me/photos/", "/a/")
    }
    assert changed(server, "sources-=/home/me/docs/") == {"sources": ("/home/me/photos/",)}
    assert changed(server, "filters-") == {"filters": ()}
    assert changed(server, "tags=a,b", "schedule.allowed_days=Sunday,sat") == {
        "tags": ("a", "b"), "schedule.allowed_days": ("sat", "sun"),
    }  # fmt: skip


def test_a_schedule_goes_as_a_whole_and_comes_with_a_first_time(server):
    assert set(changed(server, "schedule-")) == {"schedule.repeat", "schedule.next_at", "schedule.allowed_days"}
    fields = make_assignments({}, read("schedule.repeat=1D12h"), {}, NOON)
    assert fields["schedule.next_at"] == "2030-01-03T00:00:00Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nam=x"], "there is no field “nam”"),
        (["keep-versions=7"], "there is no field “keep-versions”"),
        (["name=a", "name=b"], "name is given twice"),
        (["name+=a"], "name is no list"),
        (["schedule=1D"], "schedule has parts"),
        (["schedule.repeat="], "schedule.repeat cannot be empty"),
        (["sources-=/nowhere/"], "sources has no “/nowhere/”"),
        (["settings.keep-versionz-"], "settings.keep-versionz is not set"),
        (["schedule.next_at=soon"], "schedule.next_at: “soon” is no time"),
        (["description=x", "settings.keep-versions=many"], "keep-versions: “many”"),
        (["sources="], "sources cannot be empty"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_sent(server, words, said):
    with pytest.raises((errors.InvalidValue, errors.UsageInvalid), match=said):
        changed(server, *words)
    assert server.writes == []


def test_a_setting_without_its_group_is_offered_with_it(server):
    with pytest.raises(errors.InvalidValue) as refused:
        changed(server, "keep-versions=7")
    assert refused.value.hint == "did you mean settings.keep-versions?"


def test_a_setting_under_a_misspelt_group_is_offered_under_the_right_one(server):
    with pytest.raises(errors.InvalidValue) as refused:
        changed(server, "setings.keep-versions=7")
    assert refused.value.hint == "did you mean “settings.keep-versions”?"


@pytest.mark.parametrize("word", ["settings.passphrase=x", "settings.--PASSPHRASE=x", "destination=ftp://u:p@h/x"])
def test_a_secret_that_was_typed_is_refused(server, word):
    with pytest.raises(errors.UsageInvalid, match="can be seen by others"):
        changed(server, word)
    refuse_typed_secret(read(word)[0]._replace(is_typed=False), frozenset())


def test_a_placeholder_that_was_typed_is_no_secret(server):
    url = "destination=webdav://host.example/other?auth-username=me&auth-password=********"
    assert changed(server, url) == {"destination": url.partition("=")[2]}


def test_one_name_for_several_backups_is_refused(server):
    server.others = {"4": "Documents of work"}
    with pytest.raises(errors.UsageInvalid, match="several backups cannot have one name"):
        setting.plan_backups(server.connect(), ["Docu*"], read("name=One"))


# --- settings of the server


def planned(server: DefinitionServer, *words: str) -> setting.SettingsPlan:
    return setting.plan_settings(server.connect(), read(*words))


def test_settings_of_the_server_are_sent_in_one_request_and_read_back(server):
    done = setting.send_settings(server.connect(), planned(server, "max-upload-speed=1MB", "keep-versions=7"))
    assert server.writes == [{"max-upload-speed": "1MB", "--keep-versions": "7"}]
    assert done == setting.SettingsChanged(
        True, (Change("max-upload-speed", None, "1MB"), Change("--keep-versions", None, "7"))
    )


def test_nothing_is_sent_for_settings_that_are_so_already(server):
    assert planned(server, "max-upload-speed=", "disable-tray-icon-login=false").values == {}


def test_a_default_of_all_backups_is_taken_away(server):
    server.settings["--keep-versions"] = "7"
    setting.send_settings(server.connect(), planned(server, "keep-versions-"))
    assert server.writes == [{"--keep-versions": None}]
    assert "--keep-versions" not in server.settings


def test_a_setting_that_the_server_did_not_keep_is_told(server):
    plan = planned(server, "max-upload-speed=1MB")
    server.drops_settings = True
    done = setting.send_settings(server.connect(), plan)
    assert done.adjusted == (Change("max-upload-speed", "1MB", None),)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("max-upload-sped=1MB", "the server has no setting “max-upload-sped”"),
        ("max-upload-speed=fast", "max-upload-speed: “fast” is not a size"),
        ("keep-time=never", "--keep-time: “never” is not a length of time"),
        ("disable-tray-icon-login=perhaps", "neither true nor false"),
        ("server-passphrase=x", "the server keeps it to itself"),
        ("max-upload-speed+=1MB", "max-upload-speed is no list"),
        ("passphrase=x", "can be seen by others"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_is_sent(server, word, said):
    with pytest.raises((errors.InvalidValue, errors.UsageInvalid), match=said):
        planned(server, word)
    assert server.writes == []
