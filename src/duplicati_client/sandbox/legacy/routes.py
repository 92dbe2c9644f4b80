"""The legacy server's API: finds the module and the verb of a call and words refusals; modules are in `legacy_*`."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from ..engine.engine import Engine
from ..engine.failures import BadBinding, Refused, Unexpected
from ..web.serve import Call, Reply
from . import backups, queue, reading
from .captcha import Captchas
from .replies import MARK, NOT_CACHED, only_mark, read_form, reported, unhandled, with_padding

API = "/api/v1"
LANGUAGES = re.compile(r"\s*((?:cs|da|de|en|es|fi|fr|it|ja|nl|pl|pt|ru|sv|zh)(?:-[A-Za-z]{2,4})?)\b")
PARSING = "Unable to parse backup or schedule object: "


class Ask(NamedTuple):
    """A call as a module sees it: the parts of the path behind the module's name, and query and form values."""

    verb: str
    keys: tuple[str, ...]
    form: Mapping[str, str]
    call: Call
    engine: Engine
    captchas: Captchas
    command_lines: dict[str, dict[str, Any]]

    def key(self, index: int) -> str:
        """Give one part of the path, empty when it is not there."""
        return self.keys[index] if index < len(self.keys) else ""

    @property
    def data(self) -> str:
        """Give the JSON that came as form value `data` or as the whole body (2.0.8.1 configuring-backups:116, 117)."""
        if "data" in self.form:
            return self.form["data"]
        is_form = self.call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return "" if is_form else self.call.body.decode("utf-8-sig", "replace")


Module = Callable[[Ask], Awaitable[Reply]]
MODULES: dict[str, dict[str, Module]] = {
    **reading.MODULES,
    **queue.MODULES,
    **backups.MODULES,
}


class Face:
    """A legacy server's API on an engine; the checks before it are in `legacy_access`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.captchas = Captchas(engine.clock)
        self.command_lines: dict[str, dict[str, Any]] = {}

    async def __call__(self, call: Call) -> Reply:
        """Answer one call to the API."""
        name, *keys = call.path[len(API) :].strip("/").split("/", 1)
        verbs = MODULES.get(name.lower())
        if verbs is None:
            return only_mark(404, "No such module")
        handler = verbs.get(call.method)
        if handler is None:
            return only_mark(405, "Method is not allowed")
        language = _asked_language(call)
        # A language asked for once is the whole server's until another is asked for (2.0.8.1 language:789-801).
        self.engine.language = language or self.engine.language
        parts = tuple(unquote(part) for part in keys[0].split("/", 2)) if keys else ()
        ask = Ask(call.method, parts, read_form(call), call, self.engine, self.captchas, self.command_lines)
        reply = await self._perform(handler, ask)
        if reply.body.startswith(MARK) and "jsonp" in call.query and reply.status == 200:
            reply = with_padding(reply, call.query["jsonp"])
        return _with_language(reply, language)

    async def _perform(self, handler: Module, ask: Ask) -> Reply:
        try:
            return await handler(ask)
        except Refused as refused:
            is_unknown_backup = refused.status == 404 and refused.text == "Backup not found"
            return reported(refused.status, "Invalid or missing backup id" if is_unknown_backup else refused.text)
        except json.JSONDecodeError as error:
            return reported(400, PARSING + complain(error))
        except BadBinding:
            return reported(400, PARSING + "Object reference not set to an instance of an object")
        except Unexpected:
            return unhandled("Object reference not set to an instance of an object", "NullReferenceException")


def complain(error: json.JSONDecodeError) -> str:
    """Word a JSON error as the server does, for text that is no JSON at all (2.0.8.1 configuring-backups:133)."""
    character = error.doc[error.pos : error.pos + 1]
    return f"Unexpected character encountered while parsing value: {character}. Path '', line 0, position 0."


def _asked_language(call: Call) -> str:
    match = LANGUAGES.match(call.headers.get("x-ui-language") or call.headers.get("accept-language") or "")
    return match[1] if match else ""


def _with_language(reply: Reply, language: str) -> Reply:
    if not language or NOT_CACHED not in reply.headers:
        return reply
    return reply._replace(headers=(NOT_CACHED, ("Content-Language", language), *reply.headers[1:]))
