"""A worker of Celery whose one task does nothing, on Redis: python -m benchmarks.celery_worker SOCKET."""

from __future__ import annotations

import sys
from typing import Any

_PATIENCE_SECONDS = 20
_WORKER = ["worker", "--pool", "solo", "--concurrency", "1", "--loglevel", "ERROR"]
_ALONE = ["--without-gossip", "--without-mingle", "--without-heartbeat"]


def make_app(place: str) -> tuple[Any, Any]:
    """Return its application on the Redis of a Unix socket and its one task, which does nothing."""
    import celery  # noqa: PLC0415 - for this measurement only

    url = f"redis+socket://{place}"
    app = celery.Celery("benchmark", broker=url, backend=url)
    app.conf.update(
        # A task is acknowledged only when its result is stored, and none is taken in advance.
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        # A Redis that is gone or hangs ends the measurement instead of being waited for.
        task_publish_retry=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"socket_timeout": _PATIENCE_SECONDS, "max_retries": 3},
        redis_socket_timeout=_PATIENCE_SECONDS,
    )

    @app.task(name="empty")
    def empty() -> None:
        """Do nothing."""

    return app, empty


if __name__ == "__main__":
    make_app(sys.argv[1])[0].worker_main([*_WORKER, *_ALONE])
