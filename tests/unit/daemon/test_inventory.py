"""What the task server learns of the Duplicati servers, when, and what it never does."""

from __future__ import annotations

import json

import pytest

from duplicati_client import Credentials, Duplicati, errors
from duplicati_client.daemon.inventory import SEND_SECONDS, Inventory
from duplicati_client.daemon.link import Away
from tests.unit.cli.stage import FakeServer

PASSWORD = "correct horse"


class FakeLink:
    def __init__(self) -> None:
        self.level: int | None = 1
        self.epoch: str | None = "e"
        self.sent: list[dict[str, object]] = []
        self.failure: Exception | None = None

    def put_inventory(self, members: dict[str, object]) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent.append(members)


@pytest.fixture
def fake() -> FakeServer:
    server = FakeServer()
    for entry in server.answers["GET api/v1/backups"]:
        entry["Backup"]["TargetURL"] = "s3://bucket?auth-password=hunter2"
        entry["Backup"]["Settings"] = [{"Name": "passphrase", "Value": "hunter2"}]
    return server


def open_server(fake: FakeServer) -> Duplicati:
    return Duplicati(transport=fake, credentials=Credentials(password=PASSWORD))


def test_a_server_is_told_with_its_version_and_backups(fake: FakeServer) -> None:
    inventory = Inventory(["main", "other"])
    assert inventory.look("main", open_server(fake)) is None
    main, other = inventory.encode()["Servers"]
    assert other == {"Alias": "other", "Reachable": None}
    assert (main["Alias"], main["Reachable"], main["Version"]) == ("main", True, "2.3.1.0")
    assert [backup["Name"] for backup in main["Backups"]] == ["Documents", "Photos"]
    assert inventory.find_names("main") == {"1": "Documents", "2": "Photos"}
    assert inventory.find_names("other") == inventory.find_names("nobody") == {}


def test_neither_secrets_nor_destinations_are_told(fake: FakeServer) -> None:
    inventory = Inventory(["main"])
    inventory.look("main", open_server(fake))
    told = json.dumps(inventory.encode())
    assert "hunter2" not in told
    assert "s3://" not in told
    assert PASSWORD not in told


def test_a_server_that_is_away_keeps_its_backups_and_names(fake: FakeServer) -> None:
    inventory = Inventory(["main"])
    server = open_server(fake)
    inventory.look("main", server)
    fake.failure = errors.ConnectionRefused("nobody there")
    assert isinstance(inventory.look("main", server), errors.Unreachable)
    main = inventory.encode()["Servers"][0]
    assert (main["Reachable"], main["Code"]) == (False, "connection-refused")
    assert len(main["Backups"]) == 2
    assert inventory.find_names("main")["1"] == "Documents"
    fake.failure = None
    inventory.look("main", server)
    assert "Code" not in inventory.encode()["Servers"][0]


def test_it_is_sent_at_the_start_and_then_on_a_change_once_in_five_minutes(fake: FakeServer) -> None:
    inventory, link = Inventory(["main"]), FakeLink()
    assert inventory.send_if_changed(link, 0.0)
    assert not inventory.send_if_changed(link, SEND_SECONDS)
    inventory.look("main", open_server(fake))
    assert not inventory.send_if_changed(link, SEND_SECONDS - 1)
    assert inventory.send_if_changed(link, SEND_SECONDS)
    link.epoch = "another store"
    assert inventory.send_if_changed(link, 3 * SEND_SECONDS)
    assert len(link.sent) == 3


def test_what_could_not_be_sent_is_sent_the_next_time() -> None:
    inventory, link = Inventory(["main"]), FakeLink()
    link.failure = Away("x")
    with pytest.raises(Away):
        inventory.send_if_changed(link, 0.0)
    link.failure = None
    assert inventory.send_if_changed(link, 1.0)


def test_a_plain_server_gets_none() -> None:
    link = FakeLink()
    link.level = 0
    assert not Inventory(["main"]).send_if_changed(link, 0.0)
