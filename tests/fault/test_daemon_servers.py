"""What a Duplicati server answers and would not fit into a daemon's memory is refused; a long listing is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.daemon.config import load
from duplicati_client.daemon.servers import ANSWER_BYTES_MAX, WEIGHT_MAX, open_server
from duplicati_client.sdk.client import Duplicati
from tests.daemon_stage import write_configuration
from tests.hostile import Spoilt, serve
from tests.loopback import Loopback


class Listing:
    """What the server answers where its backups are asked for."""

    body = b"[]"


@pytest.fixture
def listing() -> Listing:
    return Listing()


@pytest.fixture
def server(tmp_path: Path, listing: Listing) -> Iterator[Duplicati]:
    spoilt = Spoilt("2.3.1.0", lambda key, good: listing.body if key == "GET backups" else good)
    with Loopback(serve(spoilt)) as peer:
        config = load(write_configuration(tmp_path, "http://127.0.0.1:9", peer.url))
        with open_server(config, config.servers["main"], {}) as opened:
            yield opened


def test_listing_of_thousands_of_backups_is_taken(server: Duplicati, listing: Listing) -> None:
    settings = {f"Member-{number}": "x" * 12 for number in range(90)}
    items = [{"Backup": {"ID": str(number), "Name": f"Bäckup {number}", **settings}} for number in range(2800)]
    listing.body = json.dumps(items, separators=(",", ":")).encode()
    assert len(listing.body) > 6 << 20
    assert len(server.backups.list()) == 2800


@pytest.mark.parametrize(
    "body",
    [
        b'["' + b"x" * ANSWER_BYTES_MAX + b'"]',
        b"[" + b"{}," * (WEIGHT_MAX // 149) + b"{}]",
        b"[" + b"1," * (WEIGHT_MAX // 76) + b"1]",
        b"[" + b"1" * (WEIGHT_MAX // 4) + b"]",
        b"[" * (WEIGHT_MAX // 72),
        b'["' + b"x" * (WEIGHT_MAX // 9) + '\N{GRINNING FACE}"]'.encode(),
        b'["' + b"x" * (WEIGHT_MAX // 6) + b'\\ud83d\\ude00"]',
        b'["' + b"x" * (WEIGHT_MAX // 5) + '\N{LATIN SMALL LETTER E WITH ACUTE}"]'.encode(),
    ],
    ids=["too long", "empty objects", "numbers", "number", "brackets", "a picture", "an escaped picture", "an accent"],
)
def test_answer_that_would_not_fit_into_memory_is_refused(server: Duplicati, listing: Listing, body: bytes) -> None:
    listing.body = body
    with pytest.raises(errors.AnswerTooLarge):
        server.backups.list()
    listing.body = b"[]"
    assert server.backups.list() == []
