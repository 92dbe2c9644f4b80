"""Each fault spoils what its name says, as often as it was asked to, and lets logins through."""

from __future__ import annotations

import asyncio
import json

import pytest

from duplicati_client.sandbox.clock import Clock
from duplicati_client.sandbox.faults import HUGE_BYTES, NAMES, Faults, read_fault
from duplicati_client.sandbox.release import find
from duplicati_client.sandbox.web.serve import Call, json_reply


async def answer(call: Call):
    return json_reply([{"Name": "Documents"}])


def ask(names: tuple[str, ...], *paths: str, version: str = "2.3.1") -> list:
    async def run() -> list:
        face = Faults(tuple(map(read_fault, names)), find(version), Clock(1000)).wrap(answer)
        return [await face(Call("GET", path)) for path in paths]

    return asyncio.run(run())


BACKUPS = "/api/v1/backups"


def test_an_unknown_fault_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown fault 'slo'; known are bom, cut, "):
        read_fault("slo")


@pytest.mark.parametrize("text", ["slow:0", "slow:x", "slow:"])
def test_a_wrong_count_is_refused(text):
    with pytest.raises(ValueError, match="must be a number above zero"):
        read_fault(text)


def test_a_fault_with_a_count_strikes_so_often():
    statuses = [reply.status for reply in ask(("error-500:2",), BACKUPS, BACKUPS, BACKUPS)]
    assert statuses == [500, 500, 200]


def test_faults_of_a_moment_strike_once_unless_told():
    assert [read_fault(name).strokes for name in ("refresh-lost", "restart-in-run", "slow")] == [1, 1, None]
    assert read_fault("refresh-lost:3").strokes == 3


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"refresh-lost"}))
def test_no_fault_of_content_keeps_anybody_from_logging_in(name):
    healthy = json_reply([{"Name": "Documents"}])
    assert ask((name,), "/api/v1/auth/login", "/api/v1/systeminfo") == [healthy, healthy]


def test_only_the_answer_to_a_refresh_is_lost():
    replies = ask(("refresh-lost",), BACKUPS, "/api/v1/auth/refresh", "/api/v1/auth/refresh")
    assert [reply.cut for reply in replies] == ["", "before", ""]


def test_half_json_is_framed_well_and_cannot_be_read():
    (reply,) = ask(("half-json",), BACKUPS)
    assert (reply.status, reply.cut) == (200, "")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        json.loads(reply.body)


def test_cut_stops_inside_the_answer():
    assert ask(("cut",), BACKUPS)[0].cut == "inside"


def test_a_mark_is_put_before_the_json():
    assert ask(("bom",), BACKUPS)[0].body == b"\xef\xbb\xbf" + json_reply([{"Name": "Documents"}]).body


def test_a_huge_answer_is_forty_mebibytes_of_valid_json():
    assert len(ask(("huge:1",), BACKUPS)[0].body) == HUGE_BYTES + 4


def test_an_html_error_is_that_of_a_proxy():
    (reply,) = ask(("html-error",), BACKUPS)
    assert (reply.status, dict(reply.headers)["Content-Type"]) == (502, "text/html")


@pytest.mark.parametrize(
    ("version", "path", "status", "text"),
    [
        ("2.3.1", "/api/v1/backup/1/log", 400, '"HelpId":"DatabaseLocked"'),
        ("2.3.1", "/api/v2/backup/list-filesets", 200, '"StatusCode":"DatabaseLocked"'),
        ("2.2", "/api/v1/backup/1/log", 500, "An error occurred"),
        ("2.0.8", "/api/v1/backup/1/log", 500, "database is locked"),
    ],
)
def test_a_locked_database_is_told_as_the_release_does(version, path, status, text):
    (reply,) = ask(("database-locked",), path, version=version)
    assert reply.status == status
    assert text in reply.body.decode("utf-8-sig")


def test_a_locked_database_does_not_lock_the_list_of_backups():
    assert ask(("database-locked",), BACKUPS)[0].status == 200
