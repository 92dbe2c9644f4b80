"""How `doctor` looks to a person and to a program: pictures of its pages as text, and the words it takes.

After a wanted change the pictures are drawn anew by `WRITE_PICTURES=1 pytest tests/unit/cli/test_doctor.py`, and read.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from duplicati_client import errors
from duplicati_client.cli.commands.doctor import make_page
from duplicati_client.cli.output.layout import render_page
from duplicati_client.cli.output.table import Look
from duplicati_client.cli.text import measure
from duplicati_client.operations.doctor import LAYERS, Report
from duplicati_client.operations.doctor.report import Findings, Refused
from tests.unit.cli.picturing import compare
from tests.unit.cli.stage import PASSWORD, URL, Stage

CERTIFICATE = {
    "subject": "nas.lan",
    "names": ["nas.lan", "192.168.1.5"],
    "issuer": "Home CA",
    "begins_at": datetime(2023, 3, 1, tzinfo=UTC),
    "ends_at": datetime(2024, 2, 29, tzinfo=UTC),
    "sha256": "5f2a" * 16,
}


def examined(refused: Refused | None = None, *, is_doubtful: bool = False) -> Report:
    """Make the report of a server that is well, or doubtful, up to the layer that refuses."""
    findings = Findings()
    findings.passed("name", "nas.lan is 192.168.1.5, fd00::5", addresses=["192.168.1.5", "fd00::5"], took_ms=1.2)
    findings.passed("tcp", "192.168.1.5 port 8200 answers in 0.8 ms", address="192.168.1.5", port=8200, took_ms=0.8)
    findings.skipped("proxy", "none")
    findings.passed("tls", "TLSv1.3, nas.lan, until 2024-02-29", version="TLSv1.3", **CERTIFICATE)
    findings.passed("http", "answers in 9 ms, Server: nginx", request="GET api/v1/systeminfo", status=401)
    findings.passed("duplicati", "a Duplicati server, with the interface of 2.1 and later", generation="modern")
    findings.passed("release", "2.3.1.0", version="2.3.1.0")
    findings.passed("host-name", "nas.lan is allowed")
    findings.passed("preshared-key", "none is wanted")
    findings.passed("login", "with the stored session")
    findings.passed("permission", "the server's state can be read")
    findings.passed("websocket", "live events come")
    findings.passed("clock", "0.2 s from this machine's", offset_seconds=0.2, source="its description")
    findings.passed("speed", "12 ms to an answer, 31 at most", median_ms=12.0, slowest_ms=31.0, requests_count=9)
    if is_doubtful:
        hint = "renew it on the server"
        findings.warn("tls", "certificate-ends-soon", "the certificate ends in 3 days", hint)
        hint = "let the proxy pass the headers Upgrade and Connection on for /notifications (HTTP/1.1)"
        message = "the server or a proxy refuses WebSocket over https; polling is used instead"
        findings.warn("websocket", "connection-lost", message, hint)
    return findings.conclude("https://nas.lan:8200", refused, [])


EXPIRED = Refused(
    "tls",
    errors.CertificateExpired("the certificate of nas.lan is refused: certificate has expired"),
    CERTIFICATE,
)
REPORTS = {"well": examined(), "doubtful": examined(is_doubtful=True), "refused": examined(EXPIRED)}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [80, 40, 20])
@pytest.mark.parametrize("is_coloured", [False, True], ids=["plain", "coloured"])
def test_page_looks_as_pictured(name: str, width: int, is_coloured: bool) -> None:
    drawn = render_page(make_page(REPORTS[name], is_verbose=False), Look(width, is_coloured))
    compare(drawn, f"doctor-{name}-{width}{'-coloured' if is_coloured else ''}.txt")
    if width > 20 and not is_coloured:
        assert max(map(measure, drawn.splitlines())) <= width


def test_verbose_page_shows_all_evidence_as_pictured() -> None:
    drawn = render_page(make_page(REPORTS["well"], is_verbose=True), Look(80))
    compare(drawn, "doctor-verbose-80.txt")


def test_page_of_the_reference_has_every_layer_in_order_and_only_codes_that_there_are() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "doctor.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in page.splitlines() if row.startswith("| `")]
    assert tuple(row[1].strip(" `") for row in rows) == LAYERS
    codes = {value.code for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "code")}
    assert {code for row in rows for code in re.findall("`([a-z]+-[a-z-]+)`", row[3])} <= codes


def test_document_names_the_layer_its_code_and_all_evidence(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.log_in("--name", "nas")
    ended = stage.run("doctor", "-o", "json")
    document = json.loads(ended.stdout)
    assert (ended.status, document["kind"]) == (0, "diagnosis")
    assert set(document["item"]) == {"url", "verdict", "layer", "code", "steps"}
    assert set(document["item"]["steps"][0]) == {"layer", "verdict", "message", "code", "hint", "evidence"}
    assert PASSWORD not in ended.stdout


def test_refusal_is_data_and_not_repeated_among_the_errors(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.server.failure = errors.ConnectionRefused("nothing answers")
    ended = stage.run("doctor", URL)
    assert (ended.status, ended.stderr) == (69, "")
    assert "refuses  tcp: nothing answers" in ended.stdout


def test_listing_of_layers_can_be_narrowed(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    ended = stage.run("doctor", URL, "-o", "csv", "--columns", "layer,verdict", "--filter", "verdict=warning")
    assert ended.stdout.splitlines()[:2] == ["layer,verdict", "tls,warning"]


def test_without_any_server_the_way_to_name_one_is_told(tmp_path: Path) -> None:
    ended = Stage(tmp_path).run("doctor")
    assert (ended.status, ended.stdout) == (77, "")
    assert "duplicati doctor URL" in ended.stderr


def test_address_and_choice_of_contexts_exclude_each_other(tmp_path: Path) -> None:
    assert Stage(tmp_path).run("doctor", URL, "--all").status == 64
    assert Stage(tmp_path).run("doctor", URL, "http://other").status == 64


def test_terminal_is_told_what_is_looked_at_and_the_line_is_taken_away_again(tmp_path: Path) -> None:
    ended = Stage(tmp_path).run("doctor", URL, is_terminal=True)
    assert ended.stderr == f"\r\x1b[Klooking at {URL} ...\r\x1b[K"
    assert Stage(tmp_path).run("doctor", URL, "--quiet", is_terminal=True).stderr == ""
