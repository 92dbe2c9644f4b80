"""The block on the operators' API: each route and each body, as the task server's own OpenAPI document has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from docs.generate.markdown import code, table, text

_BELOW = "/api/v1/"
_METHODS = ("get", "post", "put", "patch", "delete")
_OURS = "application/json"
_PAGE = re.compile(r"Part_.*\.(\w+)_")
_HIDDEN = {"Problem"}


@cache
def _read_document() -> dict[str, Any]:
    from duplicati_client.taskserver.app import make_asgi  # noqa: PLC0415 - a second that only this page needs

    def find_parts() -> Any:
        raise NotImplementedError

    return make_asgi(find_parts).openapi_schema.to_schema()


def routes() -> str:
    """Return a section for each noun."""
    nouns: dict[str, list[str]] = {}
    for path, methods in sorted(_read_document()["paths"].items()):
        if path.startswith(_BELOW):
            noun = path.removeprefix(_BELOW).partition("/")[0]
            nouns.setdefault(noun, []).extend(
                _write_route(method, path, methods[method]) for method in _METHODS if method in methods
            )
    return "\n\n".join(f"### {noun}\n\n" + "\n\n".join(parts) for noun, parts in nouns.items())


def _write_route(method: str, path: str, operation: Mapping[str, Any]) -> str:
    lines = [f"#### {code(f'{method.upper()} {path}')}", text(operation["description"])]
    queries = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    if queries:
        rows = [(code(one["name"]), text(_tell_kind(one["schema"]))) for one in queries]
        lines.append(table(("query", "value"), rows))
    body = operation.get("requestBody", {}).get("content", {}).get(_OURS, {}).get("schema")
    sends = f"Sends {_name(body)}. " if body else ""
    lines.append(sends + "Answers " + ", ".join(_tell_answers(operation["responses"])) + ".")
    return "\n\n".join(lines)


def _tell_answers(responses: Mapping[str, Any]) -> Iterator[str]:
    refusals = []
    for status, told in sorted(responses.items()):
        schema = told.get("content", {}).get(_OURS, {}).get("schema")
        if int(status) < 400:
            yield f"{status} with {_name(schema)}" if schema else status
        else:
            refusals.append(status)
    yield f"or a problem: {', '.join(refusals)}"


def bodies() -> str:
    """Return a table for each body that is sent or answered."""
    schemas = _read_document()["components"]["schemas"]
    return "\n\n".join(
        _write_body(name, schema)
        for name, schema in sorted(schemas.items())
        if name not in _HIDDEN and not _PAGE.fullmatch(name)
    )


def _write_body(name: str, schema: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        (code(member), text(_tell_kind(kind)), "yes" if member in needed else "", text(kind.get("description", "")))
        for member, kind in schema["properties"].items()
    ]
    return f"### {name}\n\n" + table(("member", "value", "always", "meaning"), rows)


def _name(schema: Mapping[str, Any]) -> str:
    named = schema.get("$ref", "").rpartition("/")[2]
    page = _PAGE.fullmatch(named)
    return f"a page of [{page[1]}](#{page[1].lower()})" if page else f"[{named}](#{named.lower()})" if named else "JSON"


def _tell_kind(schema: Mapping[str, Any]) -> str:
    """Return what a value may be, in words."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "enum" in schema:
        return ", ".join("null" if one is None else str(one) for one in schema["enum"])
    if "oneOf" in schema:
        return " or ".join(_tell_kind(one) for one in schema["oneOf"]) + _tell_bounds(schema)
    kind = schema.get("type", "anything")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    if kinds == ["array"]:
        return f"array of {_tell_kind(schema.get('items', {}))}"
    told = {"string": "time" if schema.get("format") == "date-time" else "text", "object": "object"}
    return " or ".join(told.get(one, one) for one in kinds) + _tell_bounds(schema)


def _tell_bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {int(least)} to {int(most)}"
    shortest, longest = schema.get("minLength"), schema.get("maxLength")
    if longest is not None:
        return f" of {shortest or 0} to {longest} characters"
    return ""
