"""The audit log, for administrators."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ...operators import Operator
from ...parts import Parts
from ...records import Role
from .bodies import AuditChecked, AuditTold, Part
from .conditions import LIMIT_MAX, AnyRequest, make_page
from .writing import tell_audit


@get("/api/v1/audit")
async def list_audit(
    request: AnyRequest,
    parts: NamedDependency[Parts],
    operator: NamedDependency[Operator],
    cursor: Annotated[str | None, QueryParameter(max_length=1024)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = 100,
) -> Response[Part[AuditTold]]:
    """List what was done and noticed, newest first."""
    operator.require_all(Role.ADMINISTRATOR)
    page = await parts.store.register.list_audit(cursor, limit)
    return make_page(request, page, [tell_audit(entry) for entry in page.items])


@post("/api/v1/audit/check", status_code=200)
async def check_audit(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> AuditChecked:
    """Add up the log from where it was cut off for its age, and say whether every sum is right and none is missing."""
    operator.require_all(Role.ADMINISTRATOR)
    wrong = await parts.store.register.check_audit()
    cut = await parts.store.register.get_audit_cut()
    return AuditChecked(sound=wrong is None, first_wrong=wrong, first=cut + 1)


ROUTES: Final = [list_audit, check_audit]
