"""Sending a changed definition: what is refused before, what somebody else changed meanwhile, what is true after."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duplicati_client import errors
from duplicati_client.operations import edit
from duplicati_client.operations.changes import Change
from tests.definition_server import DefinitionServer, definition
from tests.fakes import answer

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["2.3.1.0", "2.0.8.1"])
def server(request) -> DefinitionServer:
    return DefinitionServer(definition(), request.param)


def opened(server: DefinitionServer) -> tuple[edit.Draft, object]:
    client = server.connect()
    return edit.open_draft(client, "Documents"), client


def test_a_change_is_sent_and_read_back(server):
    draft, client = opened(server)
    edited = edit.send(client, draft, draft.fields | {"name": "Papers", "settings.keep-versions": "9"})
    changes = (Change("name", "Documents", "Papers"), Change("settings.keep-versions", "7", "9"))
    assert edited == edit.Edited("3", "Papers", True, changes)
    assert server.stored["Backup"]["Name"] == "Papers"


def test_a_new_secret_is_sent_and_told_to_nobody(server):
    draft, client = opened(server)
    edited = edit.send(client, draft, draft.fields | {"settings.passphrase": "another one"})
    assert edited.changes == (Change("settings.passphrase", "********", "(a new secret)"),)
    assert edited.adjusted == ()
    assert server.stored["Backup"]["Settings"][1]["Value"] == "another one"


def test_what_the_server_made_of_it_is_told(server):
    def normalise() -> None:
        server.stored["Backup"]["Description"] = server.stored["Backup"]["Description"].strip()

    draft, client = opened(server)
    server.before_read = normalise
    edited = edit.send(client, draft, draft.fields | {"description": " blanks "})
    assert edited.adjusted == (Change("description", " blanks ", "blanks"),)


def test_a_copy_that_somebody_changed_meanwhile_is_not_overwritten(server):
    draft, client = opened(server)
    server.stored["Backup"]["Name"] = "Theirs"
    with pytest.raises(errors.ChangedMeanwhile, match="“Documents” was changed on the server meanwhile: name"):
        edit.send(client, draft, draft.fields | {"description": "mine"})
    assert server.writes == []


def test_a_secret_that_somebody_changed_meanwhile_counts_where_it_can_be_seen():
    server = DefinitionServer(definition(), "2.2.0.3")
    draft, client = opened(server)
    server.stored["Backup"]["Settings"][1]["Value"] = "theirs"
    with pytest.raises(errors.ChangedMeanwhile, match="something that is not shown"):
        edit.send(client, draft, draft.fields | {"description": "mine"})


def test_a_run_that_ended_meanwhile_is_no_change_and_loses_nothing(server):
    draft, client = opened(server)
    server.stored["Backup"]["Metadata"] = {"LastBackupDate": "newer"}
    server.stored["Schedule"] |= {"Time": "2036-01-02T03:00:00Z", "LastRun": "2036-01-01T03:00:00Z"}
    edited = edit.send(client, draft, draft.fields | {"description": "mine"})
    assert edited.adjusted == ()
    assert server.stored["Backup"]["Metadata"] == {"LastBackupDate": "newer"}
    assert server.stored["Schedule"]["Time"] == "2036-01-02T03:00:00Z"


def test_a_next_run_that_both_changed_is_not_overwritten(server):
    draft, client = opened(server)
    server.stored["Schedule"]["Time"] = "2036-01-02T03:00:00Z"
    with pytest.raises(errors.ChangedMeanwhile):
        edit.send(client, draft, draft.fields | {"schedule.next_at": "2036-05-05T03:00:00Z"})


def test_the_servers_refusal_is_passed_on(server):
    server.before_write = lambda: answer(400, {"Error": "Missing passphrase", "Code": 400})
    draft, client = opened(server)
    with pytest.raises(errors.InvalidValue, match="Missing passphrase"):
        edit.send(client, draft, draft.fields | {"description": "mine"})


def test_an_answer_that_is_missing_after_the_change_is_told(server):
    draft, client = opened(server)
    reads: list[int] = []

    def fail_later() -> None:
        reads.append(1)
        if server.writes:
            raise errors.ConnectionLost("gone")

    server.before_read = fail_later
    edited = edit.send(client, draft, draft.fields | {"description": "mine"})
    assert (edited.is_sent, edited.is_confirmed) == (True, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "name cannot be empty"),
        ({"sources": ()}, "sources cannot be empty"),
        ({"settings.dblock-size": "50"}, "dblock-size: “50” is not a size"),
        ({"settings.keep-versions": "many"}, "keep-versions: “many” is not a whole number"),
        ({"settings.no-encryption": "perhaps"}, "no-encryption: “perhaps” is neither true nor false"),
        ({"settings.symlink-policy": "Folow"}, "symlink-policy: “Folow” is none of the values"),
        ({"settings.symlink-policy": "Store,Follow"}, "symlink-policy: “Store,Follow” is none of the values"),
        ({"settings.keep-time": "3 d"}, "keep-time: “3 d” is not a length of time"),
        ({"settings.dblok-size": "50mb"}, "the server knows no setting “dblok-size”"),
        ({"schedule.next_at": "2020-01-01T00:00:00Z"}, "schedule.next_at is in the past"),
        ({"schedule.repeat": ""}, "the schedule has no repeat"),
        ({"settings.mail": "****"}, "the server knows no setting"),
        ({"destination": "webdav://other.example/?auth-password=****"}, "destination: .*none is stored there"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_sent(server, changes, said):
    draft, _ = opened(server)
    with pytest.raises(errors.InvalidValue, match=said):
        edit.check(draft, draft.fields | changes, now_at=NOON)
    assert server.writes == []


def test_what_was_there_before_is_not_judged():
    stored = definition()
    stored["Backup"]["Settings"].append({"Name": "--odd-one", "Value": "?", "Filter": ""})
    stored["Schedule"]["Time"] = "2020-01-01T00:00:00Z"
    draft, _ = opened(DefinitionServer(stored))
    edit.check(draft, draft.fields | {"description": "mine"}, now_at=NOON)


def test_a_setting_that_the_server_does_not_list_can_be_taken_all_the_same(server):
    draft, _ = opened(server)
    edit.check(draft, draft.fields | {"settings.brand-new": "1"}, is_unchecked=True, now_at=NOON)
    edit.check(draft, draft.fields | {"settings.dblock-size": "enough"}, is_unchecked=True, now_at=NOON)
    edit.check(draft, draft.fields | {"settings.before-script": "/x"}, now_at=NOON)
