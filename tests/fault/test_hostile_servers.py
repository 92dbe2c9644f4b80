"""Every verb against servers that answer like nothing good: a status of the table, a message, a next step, no harm."""

from __future__ import annotations

import json
import random
import re
import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from duplicati_client import errors
from duplicati_client.http import Answer
from tests.hostile import (
    NASTY,
    PASSWORD,
    SECRETS,
    TOKEN,
    UNSAFE,
    URL,
    Ended,
    Person,
    Spoilt,
    frame,
    replace,
    serve,
    spoil,
    write,
)
from tests.loopback import Loopback, Peer
from tests.unit.cli.stage import in_zone

FORMS = ("table", "json", "csv", "yaml", "ids")
VERBS = (
    "status", "list backups", "list tasks", "list logs", "list logs 1", "list notifications", "list settings",
    "list versions 1", "get backup 1", "get task 11", "get notification 1", "get setting update-channel", "describe 1",
    "logs", "logs 1", "run 1", "stop", "stop 1", "abort 11", "pause 5m --transfers", "resume",
    "list backups --sort name,-last_started_at", "list backups --filter name>3", "set backup 1 description=x",
    "edit 1 --yes",
)  # fmt: skip
ALLOWED = frozenset({0, 2, 3, 4, 5, 6, 64, 66, 69, 73, 74, 75, 76, 77, 78, 124})
RELEASES = ("2.3.1.0", "2.0.8.1")
# What the program draws over on a terminal, and all that it draws itself.
_ERASED = re.compile("[^\n]*\r\x1b\\[K")
_DRAWN = re.compile("\x1b\\[[0-9;]*m|\r\x1b\\[K|\r\n|\n")


def judge(ended: Ended, *, is_terminal: bool = False, may_be_refused: bool = False) -> None:
    """Hold what a command did against the promises that no server can break."""
    told = ended.stderr
    assert ended.status in ALLOWED or (may_be_refused and ended.status == 65), told
    assert not any(secret in ended.stdout + told for secret in SECRETS)
    assert not UNSAFE.search(_DRAWN.sub("", told))
    assert "Traceback" not in told
    if is_terminal:
        assert not UNSAFE.search(_DRAWN.sub("", ended.stdout))
    if ended.status >= 64:
        found = re.search(r"^duplicati: (.+)\n  (.+)$", _ERASED.sub("", told), re.MULTILINE)
        assert found is not None, told
        assert len(found.group()) < 3000


def logged_in(home: Any, release: str = "2.3.1.0") -> tuple[Person, Spoilt]:
    server = Spoilt(release)
    person = Person(home, server)
    assert person.log_in().status == 0
    return person, server


def rename(*names: str, times: int = 1) -> Callable[[str, Any], Any]:
    """Let backups have these names, several times over."""

    def change(key: str, good: Any) -> Any:
        if key == "GET backups":
            made = [replace(good[0], ("Backup", "Name"), name) for name in names * times]
            return [replace(item, ("Backup", "ID"), str(number)) for number, item in enumerate(made, 1)]
        return replace(good, ("Backup", "Name"), names[0]) if key == "GET backup/N" else good

    return change


def spoil_more_or_less(chance: random.Random) -> Callable[[str, Any], Any]:
    return lambda key, good: spoil(good, chance) if chance.random() < 0.6 else good


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("seed", range(3))
def test_any_node_of_an_answer_may_be_anything(tmp_path, release, seed):
    person, server = logged_in(tmp_path, release)
    for turn in range(250):
        chance = random.Random(f"{release} {seed} {turn}")
        server.requests.clear()
        server.change = spoil_more_or_less(chance)
        is_terminal = chance.random() < 0.5
        words = (*chance.choice(VERBS).split(), "-o", chance.choice(FORMS))
        judge(person.run(*words, is_terminal=is_terminal, DUPLICATI_CLIENT_PASSWORD=PASSWORD), is_terminal=is_terminal)


@pytest.mark.parametrize("depth", [100, 450, 900, 30_000])
@pytest.mark.parametrize("form", FORMS)
def test_deep_nesting_is_shown_or_not_understood(tmp_path, depth, form):
    person, server = logged_in(tmp_path)

    def nest(key: str, good: Any) -> Any:
        if key not in ("GET backup/N", "GET task/N", "GET notifications"):
            return good
        deep = b'{"a": ' * depth + b"1" + b"}" * depth
        if key == "GET notifications":
            return b'[{"ID": 1, "Deep": ' + deep + b"}]"
        return write({**good, "Deep": 12345}).replace(b"12345", deep)

    server.change = nest
    for words in ("get backup 1", "get task 11", "get notification 1", "describe 1"):
        ended = person.run(*words.split(), "-o", form)
        judge(ended)
        assert ended.status in (0, 76)


@pytest.mark.parametrize("words", ["list backups --sort name", "list backups --filter name>3", "list backups 9*"])
def test_a_name_of_thousands_of_digits_is_no_number(tmp_path, words):
    person, server = logged_in(tmp_path)
    server.change = rename("9" * 5000, "8")
    ended = person.run(*words.split())
    judge(ended)
    assert ended.status == 0


@pytest.mark.parametrize("kind", ["n", "n\u202e", "字", "a\u0301", "n "])
def test_a_name_of_a_megabyte_costs_a_moment(tmp_path, kind):
    person, server = logged_in(tmp_path)
    server.change = rename(kind * (1_000_000 // len(kind.encode())), times=3)
    started_at = time.process_time()
    for words in ("list backups", "get backup 1", "describe 1", "run 1 2", "run nothing", "run *n*"):
        for form in ("table", "json"):
            judge(person.run(*words.split(), "-o", form, is_terminal=True), is_terminal=True)
    assert time.process_time() - started_at < 6.0


def test_one_long_name_does_not_widen_every_line_of_a_long_list(tmp_path):
    person, server = logged_in(tmp_path)
    server.change = rename("n" * 100_000, *("a",) * 2000)
    ended = person.run("list", "backups", COLUMNS="")
    judge(ended)
    assert "n" * 100_000 in ended.stdout
    assert len(ended.stdout) < 2_000_000


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.9999999Z", "0002-01-01T00:00:00Z", "1900-01-01T00:00:00Z"])
def test_the_edges_of_time_are_shown(tmp_path, zone, at):
    person, server = logged_in(tmp_path)
    compact = re.sub(r"[-:]|\.\d+", "", at)

    def date(key: str, good: Any) -> Any:
        text = write(good)
        text = re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", at.encode(), text)
        return re.sub(rb"20\d{6}T\d{6}Z", compact.encode(), text)

    server.change = date
    with in_zone(zone):
        for words in VERBS:
            for form in ("table",):
                judge(person.run(*words.split(), "-o", form, is_terminal=True), is_terminal=True)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_of_a_text_reaches_the_terminal_raw(tmp_path, release, is_terminal):
    person, server = logged_in(tmp_path, release)

    def poison(key: str, good: Any) -> Any:
        return poison_texts(good) if key.startswith("GET ") else good

    server.change = poison
    for words in VERBS:
        for form in FORMS:
            server.requests.clear()
            judge(person.run(*words.split(), "-o", form, is_terminal=is_terminal), is_terminal=is_terminal)


def poison_texts(value: Any) -> Any:
    """Put the nasty text behind every text that is shown and not matched."""
    if isinstance(value, dict):
        return {
            name: item if name in ("Type", "Status", "ProgramState") else poison_texts(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [poison_texts(item) for item in value]
    return value + NASTY if isinstance(value, str) and not value.isdecimal() and not value.startswith("{") else value


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 429, 500, 502, 503])
def test_refusals_are_one_short_line_whatever_they_say(tmp_path, release, status):
    person, server = logged_in(tmp_path, release)
    said = (NASTY + "words ") * 9000
    for content in ({"Error": said}, {"Message": said}, {"error": said, "Code": said}, [said], said):
        headers = (("Location", said), ("Set-Cookie", said), ("WWW-Authenticate", said))
        refusal = Answer(status, said[:5000], headers, write(content))
        server.change = lambda key, good, refusal=refusal: refusal
        for words in VERBS[:12:3]:
            server.requests.clear()
            ended = person.run(*words.split(), is_terminal=True)
            judge(ended, is_terminal=True, may_be_refused=True)
            assert ended.status >= 64
        assert person.session is not None


def test_an_address_in_a_text_loses_its_password(tmp_path):
    person, server = logged_in(tmp_path)
    secret = "hunter2-of-the-nas"
    words_said = f"cannot reach ftp://me:{secret}@nas/x?auth-password={secret}"

    def quote(key: str, good: Any) -> Any:
        if key == "GET notifications":
            return [{"ID": 1, "Type": "Error", "Title": words_said, "Message": words_said, "Exception": words_said,
                     "BackupID": "1", "Timestamp": "2036-01-01T00:00:00Z"}]  # fmt: skip
        if key in ("GET logdata/log", "GET backup/N/log"):
            return [{"ID": 1, "Timestamp": 1795521605, "Type": "Error", "Message": words_said, "Exception": words_said}]
        if key == "GET task/N":
            return {**good, "Status": "Failed", "ErrorMessage": words_said}
        if key == "GET backup/N":
            return replace(
                good, ("Backup", "Metadata"), {"LastErrorDate": "20360101T000000Z", "LastErrorMessage": words_said}
            )
        return good

    server.change = quote
    for words in (*VERBS, "run 1 --wait"):
        for form in ("table", "json", "csv", "yaml"):
            ended = person.run(*words.split(), "-o", form)
            assert secret not in ended.stdout + ended.stderr, words
    server.change = lambda key, good: Answer(500, "", (), write({"Error": words_said}))
    assert secret not in person.run("status").stderr


@pytest.mark.parametrize("release", RELEASES)
def test_an_error_page_that_repeats_the_request_gives_no_secret_away(tmp_path, release):
    person, server = logged_in(tmp_path, release)

    def repeat(key: str, good: Any) -> Any:
        request = server.requests[-1]
        told = f"{dict(request.headers)} {(request.body or b'').decode()}"
        return Answer(500, told, (), write({"Error": told}))

    server.change = repeat
    for words in ("status", "list backups", "run 1", f"login {URL}", "logout"):
        judge(person.run(*words.split(), DUPLICATI_CLIENT_PASSWORD=PASSWORD))


def test_json_holds_what_the_server_said_and_nothing_that_acts(tmp_path):
    person, server = logged_in(tmp_path)
    server.change = rename(NASTY)
    ended = person.run("list", "backups", "-o", "json", is_terminal=True)
    judge(ended, is_terminal=True)
    assert json.loads(ended.stdout)["items"][0]["name"] == NASTY


# --- sessions


def portal(status: int) -> Answer:
    """Answer as the login page of a hotel does."""
    headers = (("Content-Type", "text/html"), ("Location", "http://portal.example/login"))
    return Answer(status, "", headers, b"<html><body>Please log in</body></html>")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("status", [200, 302, 401, 403, 407, 500, 502, 511])
def test_a_portal_costs_no_session(tmp_path, release, status):
    person, server = logged_in(tmp_path, release)
    before = person.session
    send, server.send = server.send, lambda request: portal(status)
    for words in (*VERBS, "logout", f"login {URL}"):
        ended = person.run(*words.split(), DUPLICATI_CLIENT_PASSWORD="")
        judge(ended)
        assert ended.status >= 64, words
        assert person.session == before, words
    server.send = send
    server.requests.clear()
    assert person.run("status").status == 0


@pytest.mark.parametrize("release", RELEASES)
def test_a_refused_password_costs_no_session(tmp_path, release):
    person, server = logged_in(tmp_path, release)
    before = person.session
    server.change = lambda key, good: (
        Answer(401, "", (), b'{"Error": "no"}') if "login" in key and "Nonce" not in good else good
    )
    ended = person.run("login", URL, DUPLICATI_CLIENT_PASSWORD="another")
    judge(ended)
    assert ended.status == 77 or release == "2.0.8.1"
    assert person.session == before


def test_a_page_in_place_of_a_login_is_no_wrong_password(tmp_path):
    server = Spoilt(
        "2.0.8.1", lambda key, good: portal(200) if key == "POST login.cgi" and "Nonce" not in good else good
    )
    ended = Person(tmp_path, server).log_in()
    judge(ended)
    assert ended.status == 76


BAD_VALUES = ("", " ", "a b", "a\x00b", "€", "\u2028", "\x1b[2J", "é", "a\tb")


@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize("release", RELEASES)
def test_no_strange_token_or_cookie_is_kept_or_sent(tmp_path, release, value):
    for kind in ("token", "xsrf-token", "session-nonce", "session-auth", "RefreshToken_8200"):
        server = Spoilt(release)
        send = server.send

        def twist(request: Any, send: Any = send, kind: str = kind) -> Answer:
            answer = send(request)
            headers = tuple(
                (name, f"{kind}={quote(value) if kind == 'xsrf-token' else value}; path=/")
                if text.startswith(kind + "=") else (name, text)
                for name, text in answer.headers
            )  # fmt: skip
            body = (
                answer.body.replace(TOKEN.encode(), json.dumps(value)[1:-1].encode())
                if kind == "token"
                else answer.body
            )
            return answer._replace(headers=headers, body=body)

        server.send = twist
        person = Person(tmp_path, server)
        judge(person.log_in())
        judge(person.run("status", "--server", URL, DUPLICATI_CLIENT_PASSWORD=PASSWORD))
        for request in server.requests:
            for text in request.headers.values():
                assert re.fullmatch(r"[\x21-\x7e]+( [\x21-\x7e]+)*", text), (kind, text)


def test_a_version_of_a_megabyte_costs_no_session(tmp_path):
    person, server = logged_in(tmp_path)
    server.change = lambda key, good: (
        {**good, "ServerVersion": "2.3.1.0" + "x" * 1_000_000} if "systeminfo" in key else good
    )
    for _ in range(2):
        person.run("login", URL, DUPLICATI_CLIENT_PASSWORD=PASSWORD)
        judge(person.run("status"))
        assert person.session is not None
        assert person.run("list", "backups").status == 0


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("body", [b"", b'{"Error": "Unauthorized", "Code": 401}', b"<html>"])
def test_a_server_that_always_says_401_is_logged_in_to_once(tmp_path, release, body):
    person, server = logged_in(tmp_path, release)
    server.change = lambda key, good: good if "auth/" in key or "login" in key else Answer(401, "", (), body)
    for words in VERBS:
        server.requests.clear()
        ended = person.run(*words.split(), DUPLICATI_CLIENT_PASSWORD=PASSWORD)
        judge(ended)
        assert ended.status in (76, 77)
        logins = [r for r in server.requests if r.path.endswith(("login", "refresh")) or b"password" in (r.body or b"")]
        assert len(logins) <= 2, words


@pytest.mark.parametrize(
    "refusal",
    [
        portal(200),
        portal(401),
        portal(500),
        Answer(500, "", (), b""),
        Answer(401, "", (), b""),
        Answer(204, "", (), b""),
    ],
)
def test_a_renewal_that_never_works_costs_no_session_and_no_time(tmp_path, refusal):
    person, server = logged_in(tmp_path)
    before = person.session
    server.change = lambda key, good: refusal if "auth/refresh" in key else Answer(401, "", (), b"")
    for words in VERBS[:8]:
        server.requests.clear()
        ended = person.run(*words.split())
        judge(ended)
        assert ended.status in (76, 77)
        assert len(server.requests) <= 4
    assert person.session == before


# --- what comes over a socket

RAW = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a status of no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n[]",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]",
    "a chunk of 16 digits": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n[]",
    "a damaged chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
    "compressed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n[]",
    "interim answers only": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000,
    "more than allowed": b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 500_000,
    "nothing new": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n[]",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n[",
    "a switch": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
    "a nasty reason": b"HTTP/1.1 503 \x1b]0;x\x07" + b"r" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "UTF-16": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xff\xfe[\x00]\x00",
    "no UTF-8": b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"\xff\xc0"',
    "a number that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[NaN]",
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_whatever_bytes_come_are_told_in_a_line_and_cost_no_session(tmp_path, raw):
    def handle(peer: Peer) -> None:
        peer.read_head()
        peer.send(raw)

    good = Spoilt("2.3.1.0")
    spoilt = [False]
    with Loopback(lambda peer: handle(peer) if spoilt[0] else serve(good)(peer)) as loop:
        person = Person(tmp_path)
        assert person.log_in(loop.url).status == 0
        before = person.session
        spoilt[0] = True
        for words in ("status", "list backups", "run 1", "stop", "logs", "logout", f"login {loop.url} --name s"):
            ended = person.run(*words.split())
            judge(ended, may_be_refused=True)
            assert ended.status in ((0, 66, 76) if raw[-2:] == b"]\x00" else (69, 75, 76)), words
            is_http = raw[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 204", b"HTTP/1.1 304", b"HTTP/1.1 101")
            assert loop.url.partition("://")[2] in ended.stderr or (is_http and ended.status != 69) or b"503" in raw
        assert person.session == before


@pytest.mark.parametrize("backup_id", ["1", 1])
def test_a_notification_names_its_backup_by_text_or_number(tmp_path, backup_id):
    person, server = logged_in(tmp_path)
    notice = {"ID": 7, "Type": "Error", "Title": "t", "Message": "broken", "BackupID": backup_id,
              "Timestamp": "2036-01-01T00:00:00Z"}  # fmt: skip
    idle = {"ProgramState": "Running", "LastEventID": 9}
    server.change = {"GET notifications": [notice], "GET serverstate": idle}.get
    found = json.loads(person.run("list", "backups", "1", "-o", "json").stdout)
    assert found["items"][0]["outcome"] == "error"


# --- following a run


def follow(home: Any, speak: Callable[[Peer], None] | None, *, seconds: str = "1.2") -> Ended:
    """Wait for a run that never ends, on a server whose WebSocket says this."""
    server = Spoilt("2.3.1.0")
    server.good["GET task/N"] = {"ID": 11, "Status": "Running", "TaskStarted": "2026-11-24T12:00:00Z"}
    with Loopback(serve(server, speak)) as loop:
        person = Person(home)
        assert person.log_in(loop.url).status == 0
        started_at = time.monotonic()
        ended = person.run("run", "1", "--wait", "--timeout", seconds, "--verbose", is_terminal=True)
        judge(ended, is_terminal=True)
        assert ended.status == 124
        assert time.monotonic() - started_at < float(seconds) + 5
    return ended._replace(stdout=str(len(server.requests)))


def flood(peer: Peer) -> None:
    state = write({"Type": "legacystatus", "LastEventID": 9, "ProgramState": "Running"})
    for _ in range(20_000):
        peer.send(frame(state))


def send_garbage(peer: Peer) -> None:
    for payload in (b"", b"{", b"[1]", b"null", b"\xff\xfe", NASTY.encode("utf-8"), b"[" * 100_000, b'{"Type": []}'):
        peer.send(frame(payload, 2))
    for kind in ("legacystatus", "progress", "taskcompleted"):
        for data in (None, [], 1, {"TaskID": -1}, {"TaskID": 11, "BackupID": "1", "Phase": NASTY, "TotalFileSize": -5}):
            peer.send(frame(write({"Type": kind, "Data": data, "LastEventID": "x"})))
    peer.send(frame(NASTY.encode("utf-8", "surrogatepass") + b"\xff"))


def send_too_much(peer: Peer) -> None:
    for _ in range(8):
        peer.send(frame(b" " * (40 * 1024 * 1024)))


def say_goodbye(peer: Peer) -> None:
    peer.send(frame(b"\x03\xe8" + b"\x1b[2Jbye", 8))


@pytest.mark.parametrize("speak", [None, flood, send_garbage, send_too_much, say_goodbye, lambda peer: None])
def test_a_time_out_is_kept_whatever_a_live_connection_says(tmp_path, speak):
    ended = follow(tmp_path, speak)
    assert "goes on" in ended.stderr
    assert int(ended.stdout) < 60


@pytest.mark.parametrize("path", ["GET progressstate", "GET backup/N/log", "GET backup/N", "GET notifications"])
def test_a_time_out_is_kept_when_the_server_leaves_at_the_end(tmp_path, path):
    person, server = logged_in(tmp_path)

    def leave(key: str, good: Any) -> Any:
        is_asked = any(sent.path.endswith("/run") for sent in server.requests)
        return errors.ConnectionRefused("nothing answers") if key == path and is_asked else good

    server.change = leave
    started_at = time.monotonic()
    ended = person.run("run", "1", "--wait", "--timeout", "1")
    judge(ended)
    assert ended.status == 124
    assert time.monotonic() - started_at < 4


def test_messages_without_end_do_not_fill_the_memory(tmp_path):
    tracemalloc.start()
    try:
        follow(tmp_path, lambda peer: [peer.send(frame(b" " * (8 * 1024 * 1024))) for _ in range(30)] and None)
        assert tracemalloc.get_traced_memory()[1] < 60 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_completed_without_a_row_is_never_success(tmp_path):
    person, server = logged_in(tmp_path)
    for rows in (
        [],
        [{"ID": 901, "Message": "no json"}],
        [{"ID": 901, "Type": "Result", "Message": '{"MainOperation": ["Backup"]}'}],
    ):
        server.change = lambda key, good, rows=rows: rows if key.endswith("/log") else good
        assert person.run("run", "1", "--wait").status == 6


@pytest.mark.parametrize("began", ["2001-01-01T00:00:00Z", "2026-11-23T12:00:00Z", "2036-01-01T00:00:00Z"])
@pytest.mark.parametrize("release", RELEASES)
def test_a_success_of_another_time_is_never_this_ones(tmp_path, began, release):
    person, server = logged_in(tmp_path, release)
    row = json.loads(server.row["Message"])
    lie = {**server.row, "ID": 990, "Message": json.dumps({**row, "BeginTime": began, "EndTime": began})}

    def change(key: str, good: Any) -> Any:
        is_asked = any(sent.path.endswith("/run") for sent in server.requests)
        if key.endswith("/log"):
            return [lie, *good[1:]] if is_asked else good
        return {**good, "ActiveTask": None} if key == "GET serverstate" else good

    server.change = change
    ended = person.run("run", "1", "--wait", "--timeout", "20")
    judge(ended)
    assert ended.status == 6 or (began > "2027" and release == "2.0.8.1")
