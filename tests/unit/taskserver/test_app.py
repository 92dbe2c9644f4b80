"""The application of a task server as a whole, without its sockets."""

from __future__ import annotations

from typing import Any

from duplicati_client.taskserver.app import make_asgi


def test_application_says_of_each_argument_what_it_is_so_that_the_next_litestar_takes_it() -> None:
    def find_parts() -> Any:
        raise NotImplementedError

    # Litestar warns of what its third release will refuse, and a warning fails a test.
    assert "/api/v1/tasks" in make_asgi(find_parts).openapi_schema.to_schema()["paths"]
