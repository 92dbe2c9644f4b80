"""The blocks on what comes back: exit statuses, errors, operations, features of releases, faults of the sandbox."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import getdoc, getsource
from itertools import pairwise

from docs.generate.markdown import code, table, text
from duplicati_client import errors
from duplicati_client.cli.exits import MEANINGS, status_of_error, status_of_outcome
from duplicati_client.daemon import answers as link
from duplicati_client.daemon.guard import Held
from duplicati_client.daemon.journal import StorageFailed
from duplicati_client.outcome import Outcome
from duplicati_client.protocol import catalogue
from duplicati_client.sandbox import faults
from duplicati_client.sdk import features

# Those of the daemon with which a command can end.
_OF_THE_DAEMON = (
    *(link.Away, link.Undecodable, link.NotTaken, link.CredentialRefused, link.CodeRefused, link.InstanceConflict),
    *(Held, StorageFailed),
)


def exits() -> str:
    """Return each exit status with the outcomes and errors that lead to it."""
    causes: dict[int, list[str]] = {}
    for outcome in Outcome:
        causes.setdefault(status_of_outcome(outcome), []).append(f"outcome {code(outcome)}")
    for kind in _error_classes():
        status = status_of_error(kind(""))
        causes.setdefault(status, []).append(f"[{kind.code}](errors.md#{kind.code})")
    rows = [
        (code(str(status)), text(meaning), ", ".join(causes.get(status, []))) for status, meaning in MEANINGS.items()
    ]
    return table(("status", "meaning", "comes of"), rows)


def all_errors() -> str:
    """Return a section an error: code, class, when, what to do."""
    return "\n\n".join(_describe_error(kind) for kind in _error_classes())


def operations() -> str:
    """Return a section an operation: what it may be about, what a repeat does, parameters, results."""
    return "\n\n".join(_describe_operation(operation) for operation in catalogue.CATALOGUE.values())


def effects() -> str:
    """Return what each class of effect means, in the catalogue's own words."""
    rows = [(code(catalogue.Effect[name]), text(meaning)) for name, meaning in _member_docs()]
    return table(("effect", "meaning"), rows)


def releases() -> str:
    """Return what only some releases have."""
    found = [feature for feature in vars(features).values() if isinstance(feature, features.Feature)]
    rows = [
        (text(feature.deed), ".".join(map(str, feature.since)), text(feature.instead or ""))
        for feature in sorted(found, key=lambda feature: (feature.since, feature.deed))
    ]
    return table(("a server can", "since", "on an older one"), rows)


def sandbox_faults() -> str:
    """Return what `--fault` can be told."""
    return table(("name", "what happens"), [(code(name), text(meaning)) for name, meaning in faults.MEANINGS.items()])


def _error_classes() -> Iterator[type[errors.DuplicatiClientError]]:
    """Yield each error that has a code of its own, in the order of the tree, and then those of the daemon."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    yield from (kind for kind in kinds if issubclass(kind, errors.DuplicatiClientError) and kind.code != "failed")
    yield from _OF_THE_DAEMON


def _describe_error(kind: type[errors.DuplicatiClientError]) -> str:
    status = status_of_error(kind(""))
    again = "can help later" if kind.is_retryable else "does not help by itself"
    parts = [
        f"### {kind.code}",
        text((getdoc(kind) or "").replace("`", "")),
        f"Exit status {code(str(status))}; class {code(kind.__name__)}; the same call again {again}.",
    ]
    if kind.default_hint:
        parts.append(f"Hint, unless the situation has a better one: *{text(kind.default_hint)}*")
    return "\n\n".join(parts)


def _describe_operation(operation: catalogue.Operation) -> str:
    about = ", ".join(map(code, operation.resource_types)) or "the server"
    results = ", ".join(map(code, operation.results))
    parts = [f"### {operation.name}", f"About: {about}. Effect: {code(operation.effect)}. Result: {results}."]
    if operation.parameters:
        rows = [
            (
                code(parameter.name),
                code(parameter.kind.__name__),
                text(parameter.help) + "".join(f", {code(value)}" for value in parameter.values),
            )
            for parameter in operation.parameters
        ]
        parts.append(table(("parameter", "type", "meaning"), rows))
    return "\n\n".join(parts)


def _member_docs() -> Iterator[tuple[str, str]]:
    """Yield the members of Effect with the sentence written under each."""
    body = ast.parse(getsource(catalogue.Effect)).body[0].body  # type: ignore[attr-defined]
    for member, sentence in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(sentence, ast.Expr):
            meaning = " ".join(ast.literal_eval(sentence.value).split())
            # The class of guarantees before the colon is for developers.
            yield member.targets[0].id, re.sub(r"^E\d: ", "", meaning)  # type: ignore[attr-defined]
