"""The translation between a server's definition and fields, where generations differ and nothing may be lost."""

from __future__ import annotations

from typing import Any

import pytest

from duplicati_client import errors
from duplicati_client.operations.definition import check_name, read_days, read_fields, read_value, write_definition
from tests.definition_server import SECRET_OPTIONS, definition

SECRETS = frozenset(SECRET_OPTIONS)
NEWEST, LEGACY = (2, 3, 1, 0), (2, 0, 8, 1)


def write(stored: Any, release: tuple[int, ...] = NEWEST, /, **changes: Any) -> Any:
    fields = read_fields(stored, SECRETS)
    fields |= {
        name.replace("__", ".").replace("_", "-") if "__" in name else name: value for name, value in changes.items()
    }
    return write_definition(stored, {k: v for k, v in fields.items() if v is not None}, SECRETS, release)


def settings_of(body: Any) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in body["Backup"]["Settings"]}


def test_fields_are_flat_and_hold_no_secret():
    assert read_fields(definition(), SECRETS) == {
        "name": "Documents",
        "description": "Letters",
        "destination": "webdav://host.example/folder?auth-username=me&auth-password=********",
        "sources": ("/home/me/docs/", "/home/me/photos/"),
        "filters": ("-*.tmp", "+*.txt"),
        "tags": (),
        "settings.encryption-module": "aes",
        "settings.passphrase": "********",
        "settings.dblock-size": "50mb",
        "settings.keep-versions": "7",
        "schedule.repeat": "1D",
        "schedule.next_at": "2036-01-01T03:00:00Z",
        "schedule.allowed_days": ("mon", "fri"),
    }


def test_metadata_stay_where_the_server_would_wipe_them_and_are_left_to_it_where_it_keeps_its_own():
    assert write(definition(), LEGACY)["Backup"]["Metadata"] == {"LastBackupDate": "20261124T140630Z"}
    assert write(definition(), (2, 1, 0, 5))["Backup"]["Metadata"] == {"LastBackupDate": "20261124T140630Z"}
    assert write(definition(), (2, 2, 0, 3))["Backup"]["Metadata"] is None


def test_a_setting_keeps_the_name_it_is_stored_under_and_a_new_one_gets_the_servers_form():
    body = write(definition(), settings__keep_versions="9", settings__symlink_policy="Follow", settings__keep_time="1Y")
    assert settings_of(body)["--keep-versions"] == "9"
    assert settings_of(body)["--symlink-policy"] == "Follow"
    assert settings_of(body)["keep-time"] == "1Y"


def test_a_setting_that_is_taken_away_is_not_sent():
    assert "--keep-versions" not in settings_of(write(definition(), settings__keep_versions=None))


def test_settings_of_the_same_name_with_and_without_dashes_are_both_kept():
    stored = definition()
    stored["Backup"]["Settings"] += [{"Name": "--dblock-size", "Value": "1gb", "Filter": "", "Argument": None}]
    fields = read_fields(stored, SECRETS)
    assert (fields["settings.dblock-size"], fields["settings.--dblock-size"]) == ("50mb", "1gb")
    assert settings_of(write(stored, settings__dblock_size="20mb")) | {} == settings_of(stored) | {
        "dblock-size": "20mb"
    }


def test_a_setting_with_a_filter_is_not_shown_and_comes_through_unharmed():
    stored = definition()
    special = {"Name": "--x", "Value": "1", "Filter": "*.iso", "Argument": None}
    stored["Backup"]["Settings"].append(special)
    assert "settings.x" not in read_fields(stored, SECRETS)
    assert special in write(stored, description="other")["Backup"]["Settings"]


def test_filters_are_numbered_in_the_order_in_which_they_stand():
    body = write(definition(), filters=("+/home/me/keep/", "-*.iso"))
    assert body["Backup"]["Filters"] == [
        {"Order": 0, "Include": True, "Expression": "/home/me/keep/"},
        {"Order": 1, "Include": False, "Expression": "*.iso"},
    ]


def test_a_filter_without_a_sign_is_refused():
    with pytest.raises(errors.InvalidValue, match=r"filters: “\*\.iso” is no filter"):
        write(definition(), filters=("*.iso",))


def test_a_schedule_is_only_removed_when_nothing_of_it_is_left():
    fields = {name: value for name, value in read_fields(definition(), SECRETS).items() if "schedule" not in name}
    assert write_definition(definition(), fields, SECRETS, NEWEST)["Schedule"] is None
    assert write(definition(), description="other")["Schedule"]["Repeat"] == "1D"


def test_a_new_schedule_has_a_time_or_it_would_never_run():
    stored = definition() | {"Schedule": None}
    fields = {"schedule.repeat": "1D", "schedule.next_at": "2036-01-01T03:00:00Z", "schedule.allowed_days": ("sat",)}
    body = write_definition(stored, read_fields(stored, SECRETS) | fields, SECRETS, LEGACY)
    assert body["Schedule"] == {"Rule": "", "Repeat": "1D", "Time": "2036-01-01T03:00:00Z", "AllowedDays": ["sat"]}


def test_days_are_sent_short_and_once_for_2_1_takes_no_others():
    assert write(definition())["Schedule"]["AllowedDays"] == ["mon", "fri"]


def test_another_choice_of_days_takes_the_old_rule_away():
    stored = definition()
    stored["Schedule"]["Rule"] = "Other=1;AllowedWeekDays=Monday,Friday"
    fields = read_fields(stored, SECRETS) | {"schedule.allowed_days": ()}
    schedule = write_definition(stored, fields, SECRETS, NEWEST)["Schedule"]
    assert (schedule["Rule"], schedule["AllowedDays"]) == ("Other=1", [])


@pytest.mark.parametrize("words", [("Friday", "mon"), ("5", "1"), ("fri", "FRI", "Mon")])
def test_days_are_read_as_names_or_numbers_in_any_order(words):
    assert read_days(words) == ("mon", "fri")


def test_a_time_is_read_with_an_offset_and_kept_in_utc():
    assert read_value("schedule.next_at", "2036-01-01T04:00:00+01:00") == "2036-01-01T03:00:00Z"
    with pytest.raises(errors.InvalidValue, match="is no time"):
        read_value("schedule.next_at", "tomorrow")


def test_a_placeholder_in_another_field_is_refused():
    for field in ("settings__mail", "description", "settings__auth_password"):
        with pytest.raises(errors.InvalidValue, match="none is stored there"):
            write(definition(), **{field: "********"})


def test_a_placeholder_moved_to_another_server_is_refused():
    with pytest.raises(errors.InvalidValue, match=r"destination: .* none is stored there"):
        write(definition(), destination="webdav://evil.example/folder?auth-username=me&auth-password=********")


def test_a_remote_source_keeps_its_secret_wherever_it_moves_in_the_list():
    source = "@/mount|webdav://h.example/x?auth-password=pw"
    stored = definition(Sources=["/a/", source])
    hidden = read_fields(stored, SECRETS)["sources"]
    assert "pw" not in hidden[1]
    assert write(stored, sources=(hidden[1], "/b/"))["Backup"]["Sources"] == [source, "/b/"]


def test_a_near_miss_of_a_name_is_offered():
    with pytest.raises(errors.InvalidValue, match="no field “repeat”") as refused:
        check_name("repeat")
    assert "schedule.repeat" in refused.value.hint
    with pytest.raises(errors.InvalidValue) as refused:
        check_name("keep-versions")
    assert refused.value.hint.startswith("a setting is settings.keep-versions")
