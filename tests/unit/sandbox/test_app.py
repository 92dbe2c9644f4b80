"""A whole sandbox: started in a thread, spoken to over a socket, restarted, stopped, and kept in a folder."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from urllib.parse import quote, unquote, urlencode

import pytest
from websockets.sync.client import connect

from duplicati_client.sandbox.app import Handle, Options, start_in_thread

MODERN = ("2.3.1", "2.3.0", "2.2", "2.1")


class Client:
    """The least that can talk to a modern sandbox."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.token = ""
        self.cookie = self.nonce = ""

    def call(self, method: str, path: str, body: object = None, **headers: str):
        with closing(http.client.HTTPConnection(self.handle.url.removeprefix("http://"), timeout=10)) as connection:
            named = {"Content-Type": "application/json"} if body is not None else {}
            named |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, path, None if body is None else json.dumps(body), named | headers)
            response = connection.getresponse()
            return response.status, response.read(), dict(response.getheaders())

    def json(self, method: str, path: str, body: object = None):
        status, data, _ = self.call(method, path, body)
        assert status == 200, data
        return json.loads(data)

    def log_in(self) -> Client:
        body = {"Password": self.handle.password, "RememberMe": True}
        status, data, headers = self.call("POST", "/api/v1/auth/login", body)
        assert status == 200, data
        answer = json.loads(data)
        self.token, self.nonce = answer["AccessToken"], answer.get("RefreshNonce", "")
        self.cookie = headers["Set-Cookie"].partition(";")[0]
        return self

    def refresh(self):
        return self.call("POST", "/api/v1/auth/refresh", {"Nonce": self.nonce}, Cookie=self.cookie)

    def wait_idle(self) -> None:
        for _ in range(1000):
            if not self.json("GET", "/api/v1/tasks"):
                return
            time.sleep(0.01)
        raise AssertionError("the sandbox did not come to rest")


def rows_of(client: Client, backup_id: int) -> list[str]:
    rows = client.json("GET", f"/api/v1/backup/{backup_id}/log")
    return [json.loads(row["Message"])["ParsedResult"] for row in rows]


@pytest.mark.parametrize("version", MODERN)
def test_each_modern_release_holds_five_backups_that_end_as_their_names_say(version):
    with start_in_thread(Options(version=version, speed=50)) as handle:
        client = Client(handle).log_in()
        names = [item["Backup"]["Name"] for item in client.json("GET", "/api/v1/backups")]
        assert names == ["Documents", "Photos", "Mail", "Database", "Archive"]
        assert rows_of(client, 1) == ["Success", "Success"]
        for backup_id in range(1, 5):
            client.json("POST", f"/api/v1/backup/{backup_id}/run")
        client.wait_idle()
        assert [rows_of(client, backup_id)[:1] for backup_id in (2, 3)] == [["Warning"], ["Error"]]
        assert rows_of(client, 1)[0] == "Success"
        titles = [(item["Type"], item["Title"]) for item in client.json("GET", "/api/v1/notifications")]
        assert ("Error", "Error while running Database") in titles


def test_documents_alone_is_scheduled():
    with start_in_thread(Options()) as handle:
        items = Client(handle).log_in().json("GET", "/api/v1/backups")
        assert [item["Schedule"] is not None for item in items] == [True, False, False, False, False]


def test_a_new_sandbox_counts_its_tasks_from_two():
    with start_in_thread(Options()) as handle:
        assert Client(handle).log_in().json("POST", "/api/v1/backup/1/run")["ID"] == 2


def test_past_runs_lie_in_the_past():
    with start_in_thread(Options()) as handle:
        rows = Client(handle).log_in().json("GET", "/api/v1/backup/1/log")
        ages = [time.time() - row["Timestamp"] for row in rows]
        assert [round(age / 86_400) for age in ages] == [1, 2]
        assert abs(handle.call(lambda: handle.engine.clock.now().timestamp()) - time.time()) < 2


class LegacyClient:
    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.cookies: dict[str, str] = {}

    def call(self, method: str, path: str, **form: str):
        with closing(http.client.HTTPConnection(self.handle.url.removeprefix("http://"), timeout=10)) as connection:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            headers["X-XSRF-Token"] = unquote(self.cookies.get("xsrf-token", ""))
            headers |= {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            connection.request(method, path, urlencode(form) if form else None, headers)
            response = connection.getresponse()
            for name, value in response.getheaders():
                if name == "Set-Cookie":
                    cookie, _, rest = value.partition("=")
                    self.cookies[cookie] = rest.partition(";")[0]
            return response.status, response.read()

    def json(self, method: str, path: str, **form: str):
        status, data = self.call(method, path, **form)
        assert status == 200, data
        return json.loads(data.decode("utf-8-sig"))

    def log_in(self) -> LegacyClient:
        self.call("GET", "/")
        given = self.json("POST", "/login.cgi", **{"get-nonce": "1"})
        salted = hashlib.sha256(self.handle.password.encode() + base64.b64decode(given["Salt"])).digest()
        answer = hashlib.sha256(base64.b64decode(given["Nonce"]) + salted).digest()
        self.json("POST", "/login.cgi", password=base64.b64encode(answer).decode())
        return self


def test_the_legacy_release_logs_in_by_nonce_and_runs_a_backup():
    with start_in_thread(Options(version="2.0.8", speed=50)) as handle:
        client = LegacyClient(handle).log_in()
        assert client.json("POST", "/api/v1/backup/2/run") == {"Status": "OK"}
        for _ in range(500):
            if client.json("GET", "/api/v1/serverstate")["ActiveTask"] is None:
                break
            time.sleep(0.01)
        (row,) = client.json("GET", "/api/v1/backup/2/log")
        assert json.loads(row["Message"])["ParsedResult"] == "Warning"


def test_a_legacy_server_without_a_password_needs_no_login():
    with start_in_thread(Options(version="2.0.8", password="")) as handle:
        client = LegacyClient(handle)
        assert client.call("GET", "/")[0] == 200
        assert len(client.json("GET", "/api/v1/backups")) == 5


def test_a_restart_keeps_sessions_and_backups_and_loses_tasks():
    with start_in_thread(Options(speed=50)) as handle:
        client = Client(handle).log_in()
        task_id = client.json("POST", "/api/v1/backup/1/run")["ID"]
        url = handle.url
        handle.restart(kill=True)
        assert handle.url == url
        assert len(client.json("GET", "/api/v1/backups")) == 5
        assert client.call("GET", f"/api/v1/task/{task_id}")[0] == 404


def test_a_legacy_restart_ends_sessions():
    with start_in_thread(Options(version="2.0.8")) as handle:
        client = LegacyClient(handle).log_in()
        assert client.call("GET", "/api/v1/backups")[0] == 200
        handle.restart()
        assert client.call("GET", "/api/v1/backups")[0] == 400


def test_a_folder_keeps_backups_password_and_sessions_over_processes(tmp_path):
    options = Options(folder=str(tmp_path))
    with start_in_thread(options) as handle:
        client = Client(handle).log_in()
        password = handle.password
    with start_in_thread(options) as handle:
        client.handle = handle
        assert handle.password == password
        assert len(client.json("GET", "/api/v1/backups")) == 5
        assert client.refresh()[0] == 401  # another port, so another cookie name is asked for
        client.cookie = client.cookie.replace(
            client.cookie.split("=")[0], f"RefreshToken_{handle.url.rpartition(':')[2]}"
        )
        assert client.refresh()[0] == 200


def test_a_file_of_definitions_takes_the_place_of_the_five(tmp_path):
    backup = {"Name": "Mine", "TargetURL": f"file://{tmp_path}/to", "Sources": [str(tmp_path)]}
    backup["Settings"] = [{"Name": "--no-encryption", "Value": "true"}]
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps([{"Backup": backup, "Schedule": None}]), encoding="utf-8")
    with start_in_thread(Options(definitions=str(path))) as handle:
        assert [item["Backup"]["Name"] for item in Client(handle).log_in().json("GET", "/api/v1/backups")] == ["Mine"]


def test_a_definition_that_the_server_would_refuse_is_refused_by_number_and_text(tmp_path):
    path = tmp_path / "definitions.json"
    path.write_text(json.dumps({"Backup": {"Name": "Mine", "Sources": ["/x"]}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"definition 1 of .*definitions\.json is refused: Missing a target"):
        start_in_thread(Options(definitions=str(path)))


def test_an_unknown_version_is_a_key_error():
    with pytest.raises(KeyError):
        start_in_thread(Options(version="1.9"))


def test_a_modern_server_cannot_be_without_a_password():
    with pytest.raises(ValueError, match="without a password"):
        start_in_thread(Options(password=""))


def test_the_restart_fault_strikes_in_the_first_run():
    with start_in_thread(Options(faults=("restart-kill",), speed=2)) as handle:
        client = Client(handle).log_in()
        task_id = client.json("POST", "/api/v1/backup/5/run")["ID"]
        for _ in range(300):
            try:
                status = client.call("GET", f"/api/v1/task/{task_id}")[0]
            except OSError:
                status = 0
            if status == 404:
                break
            time.sleep(0.01)
        assert status == 404
        assert client.json("GET", "/api/v1/serverstate")["ActiveTask"] is None


def test_a_refresh_whose_answer_was_lost_can_be_tried_again():
    with start_in_thread(Options(faults=("refresh-lost",))) as handle:
        client = Client(handle).log_in()
        with pytest.raises(http.client.RemoteDisconnected):
            client.refresh()
        assert client.refresh()[0] == 200


def test_short_tokens_end_after_two_seconds_and_can_be_refreshed():
    with start_in_thread(Options(faults=("expired-tokens",))) as handle:
        client = Client(handle).log_in()
        assert client.call("GET", "/api/v1/serverstate")[0] == 200
        handle.call(lambda: handle.sandbox.access.clock.skip(2.5))
        assert client.call("GET", "/api/v1/serverstate")[0] == 401
        assert client.refresh()[0] == 200


def test_an_allowed_host_name_counts_from_the_next_start():
    with start_in_thread(Options()) as handle:
        client = Client(handle).log_in()
        client.call("PATCH", "/api/v1/serversettings", {"allowed-hostnames": "backup.example.org"})
        assert client.call("GET", "/api/v1/serverstate", Host="backup.example.org")[0] == 403
        handle.restart()
        assert client.call("GET", "/api/v1/serverstate", Host="backup.example.org")[0] == 200


def test_a_changed_password_is_asked_for_at_once():
    with start_in_thread(Options()) as handle:
        client = Client(handle).log_in()
        client.call("PATCH", "/api/v1/serversettings", {"server-passphrase": "another horse"})
        assert handle.password == "another horse"
        assert client.log_in().call("GET", "/api/v1/serverstate")[0] == 200


def test_a_run_is_followed_over_the_socket_to_its_end():
    with start_in_thread(Options(speed=20)) as handle:
        client = Client(handle).log_in()
        with connect(f"{handle.url.replace('http', 'ws')}/notifications?token={quote(client.token)}") as socket:
            assert json.loads(socket.recv(5))["Type"] == "legacystatus"
            socket.send(json.dumps({"Version": 1, "Id": "t", "Action": "sub", "Service": "taskcompleted"}))
            assert json.loads(socket.recv(5))["Message"] == "Subscribed successfully"
            task_id = client.json("POST", "/api/v1/backup/1/run")["ID"]
            messages = iter(lambda: json.loads(socket.recv(5)), None)
            completed = next(message for message in messages if message["Type"] == "taskcompleted")
            assert (completed["Data"]["ID"], completed["Data"]["Status"]) == (task_id, "Completed")


def test_a_process_announces_itself_and_ends_on_sigterm():
    program = (
        "from duplicati_client.sandbox.app import Options, serve_forever;"
        "serve_forever(Options(), lambda sandbox: print(sandbox.url, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.yaml", "a: [", "is no YAML"),
        ("a.json", "[]", "holds no backup definitions"),
        ("a.json", None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_holds_no_definitions_is_told_by_its_name(tmp_path, name, text, complaint):
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"{name} {complaint}"):
        start_in_thread(Options(definitions=str(tmp_path / name)))
