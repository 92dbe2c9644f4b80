"""What the OpenAPI document says of errors: which a route may answer with, each as one problem document (RFC 9457)."""

from __future__ import annotations

from typing import Any, Final

from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Reference,
    Schema,
)

from .problems import MEDIA_TYPE

_NAME: Final = "Problem"
_ALWAYS: Final = {
    400: "The request does not have the form that it should.",
    503: "The store is away, the server stops, or too much is asked for at once; `Retry-After` says when to try again.",
}
_WITH_TOKEN: Final = {
    401: "No token, or one that is not valid.",
    403: "The token is good for something else.",
    429: "Asked too often, or no room for more; `Retry-After` says when to try again.",
}
_WITH_BODY: Final = {
    408: "The body did not come in time.",
    413: "The body is larger than it may be.",
    415: "The body is compressed.",
}
_WITH_CHANGE: Final = {409: "Something stands against it: a name that is taken, a key that is used, a conflict."}
_WITH_PATH: Final = {404: "There is no such thing, or not for whoever asks."}
_WITH_VERSION: Final = {412: "It was changed since it was read."}
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})


def describe_problems(document: OpenAPI) -> None:
    """Write into a document how its routes refuse."""
    assert document.components is not None  # noqa: S101 - Litestar makes them
    document.components.schemas[_NAME] = _write_schema()
    for path, item in (document.paths or {}).items():
        for method in ("get", "put", "post", "delete", "patch"):
            operation: Operation | None = getattr(item, method)
            if operation is not None:
                _describe(path, method, operation)


def _describe(path: str, method: str, operation: Operation) -> None:
    if path in _PROBES:
        return
    told = {**_ALWAYS, **_WITH_TOKEN}
    if method in ("post", "put", "patch"):
        told |= _WITH_BODY
    if method != "get":
        told |= _WITH_CHANGE
    if (
        "{" in path
        or "daemon" in {getattr(one, "name", "") for one in operation.parameters or ()}
        or path.endswith("tasks")
    ):
        told |= _WITH_PATH
    if method == "patch":
        told |= _WITH_VERSION
    content: Any = {MEDIA_TYPE: OpenAPIMediaType(schema=Reference(ref=f"#/components/schemas/{_NAME}"))}
    answers = operation.responses or {}
    for status, about in sorted(told.items()):
        answers[str(status)] = OpenAPIResponse(description=about, content=content)
    operation.responses = answers


def _write_schema() -> Schema:
    text = Schema(type=OpenAPIType.STRING)
    return Schema(
        type=OpenAPIType.OBJECT,
        description="An error: `type` and `status` are for programs, `detail` is for people.",
        properties={
            "type": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.URI),
            "title": text,
            "status": Schema(type=OpenAPIType.INTEGER),
            "detail": text,
        },
        required=["type", "title", "status", "detail"],
    )
