"""What the legacy face shows and does once backups have run: listings, tasks, databases, exports and imports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from duplicati_client.sandbox.clock import Clock
from duplicati_client.sandbox.engine.engine import Engine
from duplicati_client.sandbox.legacy.routes import Face
from duplicati_client.sandbox.release import find
from duplicati_client.sandbox.web.serve import Call, Reply

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Server:
    """A legacy face with one backup, `Documents`, that has run twice; the second run found one file more."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.source = folder / "source"
        (self.source / "photos").mkdir(parents=True)
        (self.source / "letter.txt").write_text("12345678", encoding="utf-8")
        (self.source / "photos" / "cat.jpg").write_bytes(b"x" * 300)
        self.engine = Engine(find("2.0.8"), folder=str(folder), clock=Clock(500))
        self.face = Face(self.engine)

    async def start(self) -> Server:
        await self.engine.start()
        settings = [{"Name": "--no-encryption", "Value": "true"}, {"Name": "auth-password", "Value": "tiger"}]
        backup = {"Name": "Documents", "TargetURL": f"file://{self.folder}/to", "Sources": [f"{self.source}/"]}
        self.engine.create({"Backup": backup | {"Settings": settings}, "Schedule": None})
        await self.run()
        (self.source / "new.txt").write_text("1234", encoding="utf-8")
        self.engine.clock.skip(60)
        await self.run()
        return self

    async def run(self) -> None:
        await self.ask("POST", "backup/1/run")
        await self.settle()

    async def settle(self) -> None:
        while self.engine.tasks():
            await asyncio.sleep(0.002)

    async def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict | None = None, **query: str
    ) -> Reply:
        named = {name.replace("_", "-"): value for name, value in query.items()}
        return await self.face(Call(method, f"/api/v1/{target}", named, headers or {}, body))

    async def read(self, target: str, **query: str):
        reply = await self.ask("GET", target, **query)
        assert reply.status == 200, reply
        return json.loads(reply.body.decode("utf-8-sig"))


def on_server(tmp_path, act: Callable[[Server], Awaitable[object]]):
    async def run() -> object:
        server = await Server(tmp_path).start()
        try:
            return await act(server)
        finally:
            await server.engine.close()

    return asyncio.run(run())


def names(listing: dict) -> list[str]:
    return [item["Path"].rstrip("/").rpartition("/")[2] for item in listing["Files"]]


def test_versions_are_counted_only_when_asked(tmp_path):
    async def act(server: Server) -> None:
        bare = await server.read("backup/1/filesets")
        counted = await server.read("backup/1/filesets", include_metadata="true")
        assert [(item["Version"], item["FileCount"], item["FileSizes"]) for item in bare] == [(0, -1, -1), (1, -1, -1)]
        assert [(item["FileCount"], item["FileSizes"]) for item in counted] == [(3, 312), (2, 308)]

    on_server(tmp_path, act)


def test_every_listing_uses_up_a_task_number(tmp_path):
    async def act(server: Server) -> None:
        await server.read("backup/1/filesets")
        await server.read("backup/1/files", filter="*", all_versions="true")
        reply = await server.ask("POST", "backup/1/verify")
        assert json.loads(reply.body[3:])["ID"] == 6

    on_server(tmp_path, act)


def test_files_are_found_by_folder_pattern_and_common_prefix(tmp_path):
    async def act(server: Server) -> None:
        now = "2099-01-01T00:00:00Z"
        folder = await server.read("backup/1/files", filter=f"{server.source}/", folder_contents="true", time=now)
        assert names(folder) == ["photos", "letter.txt", "new.txt"]
        assert [item["Sizes"] for item in folder["Files"]] == [[-1], [8], [4]]
        assert names(await server.read("backup/1/files/*cat*", time=now)) == ["cat.jpg"]
        prefix = await server.read("backup/1/files/*", prefix_only="true", time=now)
        assert prefix["Files"] == [{"Path": f"{server.source}/", "Sizes": []}]
        assert list(prefix) == ["prefix-only", "time", "Filesets", "Files"]

    on_server(tmp_path, act)


def test_a_file_in_all_versions_shows_its_sizes_oldest_first(tmp_path):
    async def act(server: Server) -> None:
        (server.source / "letter.txt").write_text("123", encoding="utf-8")
        server.engine.clock.skip(60)
        await server.run()
        listing = await server.read("backup/1/files", filter=f"@{server.source}/letter.txt", all_versions="true")
        assert listing["Files"][0]["Sizes"] == [8, 8, 3]
        assert len(listing["Filesets"]) == 3

    on_server(tmp_path, act)


def test_a_time_before_any_version_finds_nothing(tmp_path):
    async def act(server: Server) -> None:
        listing = await server.read("backup/1/files", filter="*", time="2001-01-01T00:00:00Z")
        assert (listing["Filesets"], listing["Files"]) == ([], [])

    on_server(tmp_path, act)


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({}, 400, "Invalid or missing time"),
        ({"time": "nonsense", "filter": "*"}, 500, "Failed to parse the segment: non, invalid integer"),
        ({"time": "now", "prefix_only": "true"}, 500, "Cannot extract simple list when the type is: Empty"),
    ],
)
def test_a_listing_without_what_it_needs_is_refused_as_recorded(tmp_path, query, status, text):
    async def act(server: Server) -> None:
        reply = await server.ask("GET", "backup/1/files", **query)
        assert reply.status == status
        assert text in json.loads(reply.body[3:]).values()

    on_server(tmp_path, act)


def test_a_listing_of_a_running_backup_waits_for_its_end(tmp_path):
    async def act(server: Server) -> None:
        await server.ask("POST", "backup/1/run")
        await server.read("backup/1/filesets")
        assert not server.engine.is_running("1")

    on_server(tmp_path, act)


def test_waiting_tasks_show_their_backup_with_its_secrets(tmp_path):
    async def act(server: Server) -> None:
        server.engine.pause(None)
        await server.ask("POST", "backup/1/run")
        (task,) = await server.read("tasks")
        assert (task["Operation"], task["BackupID"], task["OriginalUploadSpeed"]) == ("Backup", "1", 0)
        assert {"Name": "auth-password", "Value": "tiger", "Filter": "", "Argument": None} in task["Backup"]["Settings"]

    on_server(tmp_path, act)


def test_a_deleted_database_leaves_no_log_and_lists_only_what_is_asked_of_the_destination(tmp_path):
    async def act(server: Server) -> None:
        await server.ask("POST", "backup/1/deletedb")
        refused = await server.ask("GET", "backup/1/log")
        assert json.loads(refused.body[3:])["Type"] == "SqliteException"
        assert await server.read("backup/1/filesets") == []
        assert len(await server.read("backup/1/filesets", **{"from-remote-only": "true"})) == 2

    on_server(tmp_path, act)


def test_a_moved_database_is_used_where_it_is(tmp_path):
    async def act(server: Server) -> None:
        path = str(tmp_path / "data" / "moved.sqlite")
        reply = await server.ask("POST", "backup/1/movedb", path=path)
        assert (reply.status, reply.body) == (200, b"\xef\xbb\xbf")
        assert (await server.read("backup/1"))["data"]["Backup"]["DBPath"] == path
        assert len(await server.read("backup/1/log")) == 2

    on_server(tmp_path, act)


def multipart(**fields: bytes) -> tuple[bytes, dict]:
    parts = [
        b'--demo\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
        for name, value in fields.items()
    ]
    return b"".join((*parts, b"--demo--\r\n")), {"content-type": "multipart/form-data; boundary=demo"}


def test_a_sealed_export_comes_back_under_another_name(tmp_path):
    async def act(server: Server) -> None:
        query = {"export_passwords": "true", "passphrase": "seal"}
        sealed = await server.ask("GET", "backup/1/export", **query)
        assert dict(sealed.headers)["Content-Disposition"].endswith("Documents-duplicati-config.json.aes")
        body, headers = multipart(callback=b"back", direct=b"true", config=sealed.body, passphrase=b"seal")
        page = await server.ask("POST", "backups/import", body, headers)
        assert b"parent['back']" in page.body
        assert b"rp('OK', jso)" in page.body
        assert [item["Backup"]["Name"] for item in await server.read("backups")] == ["Documents", "Documents (1)"]

    on_server(tmp_path, act)


def test_an_import_with_a_wrong_passphrase_is_told_in_a_page(tmp_path):
    async def act(server: Server) -> None:
        sealed = await server.ask("GET", "backup/1/export", passphrase="seal")
        body, headers = multipart(callback=b"back", direct=b"true", config=sealed.body, passphrase=b"wrong")
        page = await server.ask("POST", "backups/import", body, headers)
        assert page.status == 200
        assert b"rp('Invalid password or corrupted data', jso)" in page.body

    on_server(tmp_path, act)


def test_a_plain_export_holds_no_secret(tmp_path):
    async def act(server: Server) -> None:
        assert b"tiger" not in (await server.ask("GET", "backup/1/export")).body
        assert b"tiger" in (await server.ask("GET", "backup/1/export", export_passwords="true")).body
        command = await server.read("backup/1/export", cmdline="true")
        assert "tiger" not in command["Command"]

    on_server(tmp_path, act)


def test_a_command_line_tells_its_output_by_pages(tmp_path):
    async def act(server: Server) -> None:
        headers = {"content-type": "application/json"}
        reply = await server.ask("POST", "commandline", json.dumps(["list", f"file://{tmp_path}/to"]).encode(), headers)
        run_id = json.loads(reply.body[3:])["ID"]
        await server.settle()
        output = await server.read(f"commandline/{run_id}", pagesize="1")
        assert (output["Pagesize"], output["Finished"], len(output["Items"])) == (1, True, 1)
        unknown = await server.ask("GET", "commandline/no-such")
        assert (unknown.status, unknown.reason, unknown.body[3:]) == (404, "Error", b"null")

    on_server(tmp_path, act)


def test_a_restore_puts_files_elsewhere(tmp_path):
    async def act(server: Server) -> None:
        to = tmp_path / "restored"
        await server.ask("POST", "backup/1/restore", paths=f'["{server.source}/*"]', restore_path=str(to), time="now")
        await server.settle()
        assert {item.name for item in to.rglob("*.txt")} == {"letter.txt", "new.txt"}

    on_server(tmp_path, act)


def test_a_pause_ends_when_it_was_told_to(tmp_path):
    async def act(server: Server) -> None:
        body = b"duration=1h"
        await server.ask("POST", "serverstate/pause", body, FORM)
        state = await server.read("serverstate")
        assert state["ProgramState"] == "Paused"
        end_at = datetime.fromisoformat(state["EstimatedPauseEnd"])
        assert 3500 < (end_at - server.engine.clock.now().astimezone(UTC)).total_seconds() <= 3600

    on_server(tmp_path, act)
