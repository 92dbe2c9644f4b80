"""No text, from a person or from a server, makes an identifier that steers a URL."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import parse_qs, quote, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from duplicati_client import errors
from duplicati_client.http import Request
from duplicati_client.sdk import answers
from duplicati_client.sdk.backups import Backups
from duplicati_client.sdk.channel import add_query
from duplicati_client.sdk.logs import Logs
from duplicati_client.sdk.models import Backup
from duplicati_client.sdk.tasks import Tasks
from duplicati_client.sdk.versions import Versions
from tests.fakes import Answer, FakeTransport, answer
from tests.unit.sdk.asking import channel_of

PIECES = st.sampled_from(
    ["1", "23", "..", "/", "%2e", "%2f", "?", "#", "&", ";", "\r\n", " ", "run", "٣", "-", "\x00", "ü", "\ud800"]
)
texts = st.text() | st.lists(PIECES, max_size=6).map("".join)
values = texts | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.integers(), max_size=1)
PATH = re.compile(
    r"api/v1/(backup/([0-9]{1,18}|[0-9a-fA-F-]{36})(/(run|log|filesets))?|task/[0-9]{1,18}(/(stop|abort))?)(\?[\x21-\x7e]*)?"
)


@given(values)
@settings(max_examples=150)
def test_every_path_that_is_sent_has_the_form_it_should(value: object) -> None:
    transport = FakeTransport(_reply)
    channel = channel_of(transport)
    for ask in (
        Backups(channel).get,
        Backups(channel).delete,
        Backups(channel).run,
        Logs(channel).of_backup,
        Versions(channel).list,
        Tasks(channel).get,
        Tasks(channel).stop,
        Tasks(channel).abort,
    ):
        with suppress(errors.DuplicatiClientError):
            ask(value)
    for path in (request.path for request in transport.requests):
        assert PATH.fullmatch(path), path


def _reply(request: Request) -> Answer:
    return answer(404, {"Error": "no", "Code": 404})


@given(values)
@settings(max_examples=150)
def test_identifier_of_a_backup_from_a_server_can_be_asked_for(value: object) -> None:
    try:
        backup = Backup.read({"Backup": {"ID": value}})
    except errors.NotUnderstood:
        return
    assert answers.backup_id(backup.backup_id) == quote(backup.backup_id, safe="-")


@given(
    st.dictionaries(
        st.text("abcdefgh", min_size=1, max_size=5), st.text().filter(lambda t: t < "\ud800" or t > "\udfff")
    )
)
@settings(max_examples=80)
def test_query_comes_back_as_it_was_given(query: dict[str, str]) -> None:
    path = add_query("x", query)
    assert re.fullmatch(r"[\x21-\x7e]*", path)
    read = parse_qs(urlsplit(path).query, keep_blank_values=True, strict_parsing=bool(query), errors="surrogatepass")
    assert {name: found[0] for name, found in read.items()} == query
