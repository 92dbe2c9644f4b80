"""The legacy face answers what was recorded before and around runs: status, reason, shape and texts."""

from __future__ import annotations

import asyncio
import json

import pytest

from duplicati_client.sandbox.clock import Clock
from duplicati_client.sandbox.engine.engine import Engine
from duplicati_client.sandbox.legacy.routes import Face
from duplicati_client.sandbox.release import find
from duplicati_client.sandbox.web.connection import dress_as_tiny
from duplicati_client.sandbox.web.serve import Call
from tests.unit.sandbox.recorded import Own, as_call, body_text, read_lines, split_answer

RELEASE = "2.0.8.1"
ROOT = "/srv/duplicati"
# Long texts and lists of a real installation, which nobody acts on.
SHORTENED = {"help", "help of one", "licenses", "changelog", "acknowledgements", "systemwidesettings", "webmodules"}
# Members whose values belong to one server or one moment.
OWN_VALUES = {"ID", "DBPath", "token", "ServerTime", "MachineName", "UserName", "LastEventID", "LastDataUpdateID"}
OWN_VALUES |= {"CLROSInfo", "Options", "SpecialFolders", "SupportedLocales", "last-webserver-port", "Metadata"}


class Stage:
    """A legacy face on an engine whose folder takes the place of the recorded one."""

    def __init__(self, folder) -> None:
        self.folder = folder
        documents = folder / "source" / "documents"
        (documents / "photos").mkdir(parents=True)
        (documents / "Füße.txt").write_text("12345678", encoding="utf-8")
        (documents / "letter.txt").write_text("12345678", encoding="utf-8")
        (folder / "destination").mkdir()
        self.engine = Engine(find(RELEASE), folder=str(folder), clock=Clock(200))
        self.face = Face(self.engine)
        self.own = Own()
        self.own.given[ROOT] = str(folder)
        self.own.given[ROOT.replace("/", "%2F")] = str(folder).replace("/", "%2F")

    async def play(self, line: dict) -> None:
        request, response = line["request"], line["response"]
        call = as_call(request, self.own, body_text(request.get("body")))
        reply = await self.face(call)
        first, headers, body = split_answer(dress_as_tiny(reply, request["method"] == "HEAD"))
        where = f"{line['seq']} {line['note']}"
        reason = self.own.put(response["reason"])
        assert first == f"HTTP/1.1 {response['status']} {reason}", where
        recorded_type = dict(response["headers"])["Content-Type"]
        assert dict(headers)["Content-Type"] == recorded_type, where
        if line["note"] not in SHORTENED and "json" in response["body"]:
            compare(response["body"]["json"], json.loads(body.decode("utf-8-sig")), self.own, where)

    async def settle(self) -> None:
        while self.engine.tasks():
            await asyncio.sleep(0.005)


def compare(recorded, sent, own: Own, where: str) -> None:
    assert type(recorded) is type(sent), where
    if isinstance(recorded, dict):
        names = [own.put(name) for name in recorded]
        assert names == list(sent), where
        for name, value in zip(names, recorded.values(), strict=True):
            if name not in OWN_VALUES:
                compare(value, sent[name], own, f"{where}: {name}")
    elif isinstance(recorded, list) and recorded and isinstance(recorded[0], dict):
        assert sent, where
        for theirs, ours in zip(recorded, sent, strict=False):
            compare(theirs, ours, own, where)
    elif isinstance(recorded, str):
        assert sent == own.put(recorded), where


async def play_scenario(folder, scenario: str, *, until: int, leaving_out: set[int]) -> int:
    stage = Stage(folder)
    await stage.engine.start()
    count = 0
    try:
        for line in read_lines(RELEASE, scenario):
            if line["seq"] > until:
                break
            if "request" not in line:
                await stage.settle()
            elif line["seq"] not in leaving_out:
                await stage.play(line)
                count += 1
    finally:
        await stage.engine.close()
    return count


@pytest.mark.parametrize(
    ("scenario", "until", "leaving_out"),
    [
        # 63: unknown options of systeminfo and the settings of the password are of that server.
        ("reading-the-server", 115, {59, 69, 94}),
        ("configuring-backups", 164, set()),
    ],
)
def test_recorded_calls_before_any_run_are_answered_alike(tmp_path, scenario, until, leaving_out):
    assert asyncio.run(play_scenario(tmp_path, scenario, until=until, leaving_out=leaving_out)) > 40


def ask(face: Face, method: str, path: str, form: dict | None = None, **headers: str):
    values = {name: str(value) for name, value in (form or {}).items()}
    return asyncio.run(face(Call(method, f"/api/v1/{path}", values, headers)))


def bare_face(tmp_path) -> Face:
    return Face(Engine(find(RELEASE), folder=str(tmp_path), clock=Clock(200)))


def test_a_long_poll_needs_an_event_number_and_more_than_ten_seconds(tmp_path):
    face = bare_face(tmp_path)
    assert ask(face, "GET", "serverstate", {"longpoll": "true", "duration": "20s"}).reason.startswith("When activating")
    short = ask(face, "GET", "serverstate", {"longpoll": "true", "lasteventid": 0, "duration": "10s"})
    assert short.reason == "Invalid duration, must be at least 10 seconds, and less than 2147483647 milliseconds"
    event = face.engine.events.event_id
    waited = ask(face, "GET", "serverstate", {"longpoll": "true", "lasteventid": event + 1, "duration": "11s"})
    assert waited.status == 200


def test_a_negative_pause_breaks_the_reason_phrase_in_two(tmp_path):
    reply = ask(bare_face(tmp_path), "POST", "serverstate/pause", {"duration": "-5s"})
    assert b"un-representable DateTime.\nParameter name: value\r\n" in dress_as_tiny(reply, False)


def test_a_language_is_echoed_and_an_unknown_one_is_not(tmp_path):
    face = bare_face(tmp_path)
    german = ask(face, "GET", "webmodules", **{"x-ui-language": "de-DE"})
    assert ("Content-Language", "de-DE") in german.headers
    unknown = ask(face, "GET", "webmodules", **{"x-ui-language": "xx-XX"})
    assert "Content-Language" not in dict(unknown.headers)


def test_a_padded_answer_is_a_call_of_the_function(tmp_path):
    assert ask(bare_face(tmp_path), "GET", "backups", {"jsonp": "back"}).body == b"\xef\xbb\xbfback([])"


def test_deleting_remote_files_needs_a_solved_captcha(tmp_path):
    face = bare_face(tmp_path)
    backup = {
        "Name": "A",
        "TargetURL": "file:///x",
        "Sources": ["/y"],
        "Settings": [{"Name": "passphrase", "Value": "p"}],
    }
    backup_id = face.engine.create({"Backup": backup, "Schedule": None})
    assert ask(face, "DELETE", f"backup/{backup_id}", {"delete-remote-files": "true"}).status == 401
    token = json.loads(ask(face, "POST", "captcha", {"target": f"DELETE /backup/{backup_id}"}).body[3:])["token"]
    answer = {"delete-remote-files": "true", "captcha-token": token, "captcha-answer": "WRONG"}
    assert ask(face, "DELETE", f"backup/{backup_id}", answer).status == 403
    answer["captcha-answer"] = face.captchas.find(token).answer.lower()
    assert ask(face, "DELETE", f"backup/{backup_id}", answer).status == 200


def test_a_fifth_captcha_is_refused_until_two_minutes_have_passed(tmp_path):
    face = bare_face(tmp_path)
    for _ in range(4):
        assert ask(face, "POST", "captcha", {"target": "x"}).status == 200
    assert ask(face, "POST", "captcha", {"target": "x"}).status == 503
    face.engine.clock.skip(121)
    assert ask(face, "POST", "captcha", {"target": "x"}).status == 200
