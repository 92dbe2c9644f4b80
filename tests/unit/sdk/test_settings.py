"""Changing settings of a server: one request, and names that no server lets itself be changed by it are never sent."""

from __future__ import annotations

import json

import pytest

from duplicati_client import errors
from tests.definition_server import DefinitionServer, definition


@pytest.mark.parametrize("release", ["2.3.1.0", "2.0.8.1"])
def test_settings_are_changed_in_one_request_and_a_default_is_taken_away_by_null(release):
    server = DefinitionServer(definition(), release)
    server.connect().settings.change({"max-upload-speed": "1MB", "--keep-versions": None})
    [request] = server.transport.requests
    assert (request.method, request.path) == ("PATCH", "api/v1/serversettings")
    assert json.loads(request.body) == {"max-upload-speed": "1MB", "--keep-versions": None}


@pytest.mark.parametrize("name", ["server-passphrase", "Server-Passphrase", "jwt-config"])
def test_what_a_server_keeps_to_itself_is_not_sent(name):
    server = DefinitionServer(definition(), "2.0.8.1")
    with pytest.raises(errors.InvalidValue, match="keeps it to itself"):
        server.connect().settings.change({"max-upload-speed": "1MB", name: "x"})
    assert server.transport.requests == []
