"""Enrolment codes for operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from ...enrolment import Invitation, invite
from ...errors import CodeUnknown
from ...operators import Operator
from ...parts import Parts
from ...records import Role
from .bodies import CodeMade, CodeTold, NewCode, Part
from .writing import tell_code


@get("/api/v1/codes")
async def find(parts: NamedDependency[Parts], operator: NamedDependency[Operator]) -> Part[CodeTold]:
    """List the codes that can still be used."""
    operator.require_all(Role.ADMINISTRATOR)
    return Part(items=[tell_code(code) for code in await parts.store.codes.find()])


@post("/api/v1/codes", status_code=201)
async def add(parts: NamedDependency[Parts], operator: NamedDependency[Operator], data: JSONBody[NewCode]) -> CodeMade:
    """Make a code with which daemons come in; its text is told only now."""
    operator.require_all(Role.ADMINISTRATOR)
    life = timedelta(seconds=data.life_seconds)
    invitation = Invitation(operator.user, life, data.uses, data.name, data.labels, data.approve)
    code, text = await invite(parts.store, invitation)
    told = tell_code(code)
    return CodeMade(**{name: getattr(told, name) for name in told.__struct_fields__}, code=text)


@delete("/api/v1/codes/{code_id:str}", status_code=204)
async def revoke(parts: NamedDependency[Parts], operator: NamedDependency[Operator], code_id: FromPath[str]) -> None:
    """End a code."""
    operator.require_all(Role.ADMINISTRATOR)
    if not await parts.store.codes.revoke(code_id, operator.user):
        raise CodeUnknown("there is no such code")


ROUTES: Final = [find, add, revoke]
