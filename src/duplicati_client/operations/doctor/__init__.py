"""Find out which layer on the way to a server refuses, with evidence for each layer; changes and remembers nothing.

The layers are met by the client's own transport, probe, login and live connection, so that what is told of them is what
every other command meets.
"""

from __future__ import annotations

from ... import errors
from . import network
from .report import LAYERS, Refused, Report, Step
from .visit import Case, Connect, Visit, connect_by_socket

__all__ = ["LAYERS", "Case", "Connect", "Report", "Step", "connect_by_socket", "examine"]


def examine(case: Case) -> Report:
    """Walk through the layers as far as they let us; raises `InvalidValue` and `ConfigurationInvalid` only."""
    visit = Visit(case)
    refused = None
    try:
        _walk(visit)
    except Refused as exc:
        refused = exc
    finally:
        visit.transport.close()
    return visit.findings.conclude(case.url, refused, _find_secrets(case))


def _find_secrets(case: Case) -> list[str]:
    session = case.server.session
    kept = [] if session is None else [session.access_token, session.refresh_token, session.refresh_nonce]
    kept += [] if session is None else [session.xsrf_token, session.session_token]
    headers = [value for name, value in case.connection.headers.items() if name.lower() != "host"]
    given = [*case.server.channel.credentials.known, *headers]
    return [secret for secret in (*kept, *given) if secret]


def _walk(visit: Visit) -> None:
    probed = network.walk(visit)
    from . import access, identity, quality  # noqa: PLC0415 - needed once something has answered

    try:
        identity.walk(visit, probed)
        channel = access.walk(visit, probed)
        quality.walk(visit, channel)
    except errors.DuplicatiClientError as exc:
        # It answered a moment ago: what fails now is the connection, not the layer that was asked about.
        raise Refused("http", exc) from exc
