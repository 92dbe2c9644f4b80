"""ETags, versions, pages and repeats of operators' requests, as RFC 9110 and RFC 8288 have them."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from urllib.parse import urlencode

from litestar import Request, Response

from ...errors import Malformed
from ...records import Page
from ..paging import write_next
from .bodies import Part

T = TypeVar("T")
S = TypeVar("S")

AnyRequest = Request[Any, Any, Any]
LIMIT_MAX = 500
_ETAG = re.compile(r'"v([1-9]\d{0,17})"')


def write_etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"v{version}"'


def read_if_match(request: AnyRequest) -> int | None:
    """Return the version that a change is meant for, None if any will do; raises `Malformed`."""
    text = request.headers.get("if-match")
    if text is None or text == "*":
        return None
    found = _ETAG.fullmatch(text)
    if found is None:
        raise Malformed("If-Match is none of our ETags")
    return int(found[1])


def make_page(request: AnyRequest, page: Page[T], told: list[S]) -> Response[Part[S]]:
    """Return a page with a link to the one after it."""
    headers = {"Cache-Control": "no-store"}
    if page.next is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        headers |= write_next(request, urlencode([*query, ("cursor", page.next)]))
    return Response(Part(items=told, next=page.next), headers=headers)
