"""A stage whose server keeps one backup, and editors that are small scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from duplicati_client.http import Answer, Request
from tests.definition_server import DefinitionServer, definition
from tests.unit.cli.stage import Ended, FakeServer, Stage


class KeepingServer(FakeServer):
    """Lets in as the fake server does, and then answers as the one with a definition."""

    def __init__(self, release: str = "2.3.1.0") -> None:
        super().__init__()
        self.kept = DefinitionServer(definition(), release)

    def send(self, request: Request) -> Answer:
        if request.path.startswith("api/v1/auth/") or "Authorization" not in request.headers:
            return super().send(request)
        self.requests.append(f"{request.method} {request.path.partition('?')[0]}")
        return self.kept.transport.send(request)


class DefinitionStage(Stage):
    """Runs `edit` and `set` against that server."""

    def __init__(self, home: Path, release: str = "2.3.1.0") -> None:
        server = KeepingServer(release)
        super().__init__(home, server)
        self.kept = server.kept
        self.texts = home / "texts"
        self.texts.mkdir()
        self.environ |= {"TMPDIR": str(self.texts), "PATH": os.environ["PATH"]}
        self.log_in()

    def editor(self, script: str) -> str:
        """Make an editor; in the script $1 is the file."""
        path = self.home / f"editor-{len(list(self.home.glob('editor-*')))}"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o700)
        return str(path)

    def edit(self, script: str, *words: str, **told: Any) -> Ended:
        return self.run("edit", "Documents", *words, EDITOR=self.editor(script), **told)

    @property
    def kept_texts(self) -> list[Path]:
        return sorted(self.texts.glob("*/*.yaml"))
