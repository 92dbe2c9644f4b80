"""Definitions: reading, saving, removing, asking for a run, in both generations."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from duplicati_client import errors
from duplicati_client.sdk.backups import Backups
from tests.fakes import answer
from tests.unit.sdk.asking import channel_to

STEERING = ["../1", "1/run", "1?x=1", "", "1#", "a\r\nb", "1 2"]


def test_definition_is_read_through_the_wrapping_of_the_legacy_generation() -> None:
    modern, _ = channel_to(answer(200, {"Backup": {"ID": "3", "Name": "n"}}))
    legacy, _ = channel_to(
        answer(200, {"success": True, "data": {"Backup": {"ID": "3", "Name": "n"}}}), release="2.0.8.1"
    )
    assert Backups(modern).get("3").name == Backups(legacy).get("3").name == "n"


@pytest.mark.parametrize("identifier", STEERING)
def test_identifier_that_would_steer_the_url_is_refused_before_anything_is_sent(identifier: str) -> None:
    channel, transport = channel_to()
    for ask in (Backups(channel).get, Backups(channel).delete, Backups(channel).run):
        with pytest.raises(errors.InvalidValue):
            ask(identifier)
    assert transport.requests == []


def test_run_returns_its_task() -> None:
    channel, transport = channel_to(answer(200, {"Status": "OK", "ID": 7}), answer(200, {"Status": "OK", "ID": 8}))
    assert Backups(channel).run("3") == 7
    assert Backups(channel).run("3", skip_queue=True) == 8
    assert transport.asked == ["POST api/v1/backup/3/run", "POST api/v1/backup/3/run?skipQueue=true"]


@pytest.mark.parametrize("release", ["2.0.8.1", "2.1.0.5"])
def test_skipping_the_queue_where_it_is_unknown_sends_nothing(release: str) -> None:
    channel, transport = channel_to(answer(200, {"ServerVersion": release}), release=release)
    with pytest.raises(errors.NotSupported, match=r"2\.2 and later can"):
        Backups(channel).run("3", skip_queue=True)
    assert all(request.method == "GET" for request in transport.requests)


def test_run_that_the_server_does_not_take_is_a_failure() -> None:
    channel, _ = channel_to(answer(200, {"Status": "Failed"}))
    with pytest.raises(errors.ServerFailed):
        Backups(channel).run("3")


def test_changed_definition_is_put_as_json_in_both_generations() -> None:
    modern, sent = channel_to(answer(200))
    legacy, sent_legacy = channel_to(answer(200, {"Status": "OK"}), release="2.0.8.1")
    for channel, transport in ((modern, sent), (legacy, sent_legacy)):
        Backups(channel).update("3", {"Backup": {"Name": "ü&"}, "Schedule": None})
        [request] = transport.requests
        assert (request.method, request.path) == ("PUT", "api/v1/backup/3")
        assert json.loads(request.body or b"") == {"Backup": {"Name": "ü&"}, "Schedule": None}


@pytest.mark.parametrize("status", [400, 409])
def test_change_that_is_refused_says_why(status: int) -> None:
    channel, _ = channel_to(answer(status, {"Error": "Missing a name", "Code": status}))
    with pytest.raises(errors.InvalidValue, match="Missing a name"):
        Backups(channel).update("3", {})


def test_new_definition_is_json_or_a_form_that_holds_it() -> None:
    modern, sent = channel_to(answer(200, {"ID": "5", "Temporary": False}))
    legacy, sent_legacy = channel_to(answer(200, {"status": "OK", "ID": "6"}), release="2.0.8.1")
    definition = {"Backup": {"Name": "ü&"}}
    assert Backups(modern).create(definition) == "5"
    assert Backups(legacy).create(definition) == "6"
    assert json.loads(sent.requests[0].body) == definition
    assert json.loads(parse_qs(sent_legacy.requests[0].body.decode())["data"][0]) == definition


def test_name_that_is_taken_is_told() -> None:
    channel, _ = channel_to(answer(409, {"Error": "There already exists a backup with the name: X", "Code": 409}))
    with pytest.raises(errors.InvalidValue, match="already exists"):
        Backups(channel).create({})


def test_removal_returns_its_task_and_a_running_backup_is_busy() -> None:
    channel, _ = channel_to(
        answer(200, {"Status": "OK", "ID": 9}),
        answer(500, {"Status": "failed", "Reason": "backup-in-progress", "ID": 7}),
    )
    assert Backups(channel).delete("3") == 9
    with pytest.raises(errors.Busy):
        Backups(channel).delete("3")


def test_backup_is_removed_with_its_local_database_only_on_demand() -> None:
    channel, transport = channel_to(answer(200, {"Status": "OK", "ID": 9}), answer(200, {"Status": "OK", "ID": 10}))
    Backups(channel).delete("3")
    Backups(channel).delete("4", local_database=True)
    assert transport.asked == ["DELETE api/v1/backup/3", "DELETE api/v1/backup/4?delete-local-db=true"]


def test_one_backup_without_identifier_spoils_the_listing_loudly() -> None:
    channel, _ = channel_to(answer(200, [{"Backup": {"ID": "3"}}, {"Backup": {"ID": "../../x"}}]))
    with pytest.raises(errors.NotUnderstood):
        Backups(channel).list()
