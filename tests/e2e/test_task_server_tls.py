"""A task server that speaks TLS itself, and does not wait for those who do not."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.task_server_process import PATIENCE_SECONDS, task_server_process
from tests.loopback import CERTIFICATES

CERTIFICATE = str(CERTIFICATES / "server.pem")
STRANGERS_COUNT = 50


def test_requests_over_tls_are_answered_while_strangers_agree_on_no_key(tmp_path: Path) -> None:
    options = ("--certificate", CERTIFICATE, "--key", CERTIFICATE)
    with task_server_process(tmp_path / "data", "127.0.0.1:0", *options) as server, ExitStack() as stack:
        assert server.url.startswith("https://")
        where = (str(urlsplit(server.url).hostname), int(urlsplit(server.url).port or 0))
        for _ in range(STRANGERS_COUNT):
            stack.enter_context(socket.create_connection(where))
        plain = stack.enter_context(socket.create_connection(where, PATIENCE_SECONDS))
        plain.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        trust = ssl.create_default_context(cafile=str(CERTIFICATES / "ca.pem"))
        trust.check_hostname = False
        connection = http.client.HTTPSConnection(*where, context=trust, timeout=PATIENCE_SECONDS)
        connection.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {server.token}"})
        assert connection.getresponse().status == 200
        connection.close()
        with suppress(ConnectionResetError):
            assert b"HTTP" not in plain.recv(1000)
