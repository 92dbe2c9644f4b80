"""What can be changed while the task server runs, for administrators."""

from __future__ import annotations

from typing import Final

from litestar import Response, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, structs

from ...operators import Operator
from ...parts import Parts
from ...records import Role
from ...settings import Current
from .bodies import SettingsChange, SettingsTold
from .conditions import AnyRequest, read_if_match, write_etag


@get("/api/v1/settings")
async def read(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> Response[SettingsTold]:
    """Show the settings."""
    operator.require_all(Role.ADMINISTRATOR)
    await parts.current.load()
    return _answer(parts.current)


@patch("/api/v1/settings")
async def change(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    data: JSONBody[SettingsChange],
) -> Response[SettingsTold]:
    """Change some; they hold here at once, and at other replicas within half a minute."""
    operator.require_all(Role.ADMINISTRATOR)
    changes = {name: str(value) for name, value in structs.asdict(data).items() if value is not UNSET}
    if changes:
        kept = await parts.store.register.change_settings(changes, read_if_match(request), operator.user)
        parts.current.take(kept)
        parts.pace.adjust(parts.current.settings.poll_seconds)
    return _answer(parts.current)


def _answer(current: Current) -> Response[SettingsTold]:
    told = SettingsTold(**current.settings._asdict(), version=current.version)
    return Response(told, headers={"ETag": write_etag(current.version), "Cache-Control": "no-store"})


ROUTES: Final = [read, change]
