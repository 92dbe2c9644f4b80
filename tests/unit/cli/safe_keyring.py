"""A back end of the system's keyring, in memory, and what it has to hold."""

from __future__ import annotations

from tests.unit.cli.stage import URL, Stage

KEPT_PASSWORD = ("duplicati-client", URL)
KEPT_SESSION = ("duplicati-client session", URL)


class SafeKeyring:
    """Keeps what it is given; `failure` is what it raises."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.visits: list[str] = []
        self.failure: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self._visit("get")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._visit("set")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._visit("delete")
        del self.kept[service, username]

    def _visit(self, deed: str) -> None:
        self.visits.append(deed)
        if self.failure is not None:
            raise self.failure


def end_session(stage: Stage) -> None:
    """Let the session be over, here and on the server."""
    stage.server.is_login_alive = False
    for file in (stage.home / ".local/state/duplicati-client/sessions").glob("*.json"):
        file.unlink()
