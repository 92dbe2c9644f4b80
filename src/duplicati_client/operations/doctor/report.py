"""What an examination found: a step for each layer on the way to a server, in order; it examines nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from ... import errors
from ..masking import MASK

OK = "ok"
WARNING = "warning"
REFUSED = "refused"
SKIPPED = "skipped"
NOT_REACHED = "not-reached"

LAYERS = (
    "name",
    "tcp",
    "proxy",
    "tls",
    "http",
    "duplicati",
    "release",
    "host-name",
    "preshared-key",
    "login",
    "permission",
    "websocket",
    "clock",
    "speed",
)
_SHORTEST_SECRET = 4  # what is shorter stands in any sentence
_NO_EVIDENCE: Mapping[str, Any] = {}


class Step(NamedTuple):
    """One layer: `verdict` is ok, warning, refused, skipped or not-reached; `code` names a warning or an error."""

    layer: str
    verdict: str
    message: str
    code: str | None = None
    hint: str | None = None
    evidence: Mapping[str, Any] = _NO_EVIDENCE


class Report(NamedTuple):
    """All layers of one server; `error` is the one of the layer that refuses, None if none does."""

    url: str
    steps: tuple[Step, ...]
    error: errors.DuplicatiClientError | None

    @property
    def refusal(self) -> Step | None:
        """The first layer that refuses."""
        return next((step for step in self.steps if step.verdict == REFUSED), None)

    @property
    def warnings(self) -> list[Step]:
        """What works but should be known."""
        return [step for step in self.steps if step.verdict == WARNING]

    @property
    def verdict(self) -> str:
        """How it is altogether: ok, warning or refused."""
        return REFUSED if self.refusal else WARNING if self.warnings else OK


class Refused(Exception):
    """A layer refuses: the examination ends here."""

    def __init__(
        self, layer: str, error: errors.DuplicatiClientError, evidence: Mapping[str, Any] = _NO_EVIDENCE
    ) -> None:
        super().__init__(error.message)
        self.layer = layer
        self.error = error
        self.evidence = evidence


class Findings:
    """Gathers steps in any order."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    def passed(self, layer: str, message: str, **evidence: Any) -> None:
        """Note that a layer is well; a later word on it replaces this one."""
        self._steps[layer] = Step(layer, OK, message, evidence=evidence)

    def skipped(self, layer: str, message: str, hint: str | None = None) -> None:
        """Note that a layer is not there, or could not be tried, and why."""
        self._steps[layer] = Step(layer, SKIPPED, message, hint=hint)

    def warn(self, layer: str, code: str, message: str, hint: str | None = None, **evidence: Any) -> None:
        """Note something that works but should be known; several of one layer are joined."""
        before = self._steps.get(layer)
        step = Step(layer, WARNING, message, code, hint, {**(before.evidence if before else {}), **evidence})
        if before is not None and before.verdict == WARNING:
            hints = [one for one in (before.hint, hint) if one]
            step = step._replace(
                message=f"{before.message}; {message}", code=before.code, hint="; ".join(hints) or None
            )
        self._steps[layer] = step

    def conclude(self, url: str, refused: Refused | None, secrets: Sequence[str]) -> Report:
        """Return the report, free of secrets that a server may have repeated; beyond a refusal nothing was reached."""
        steps = dict(self._steps)
        error, order = None, len(LAYERS)
        if refused is not None:
            error, order = refused.error, LAYERS.index(refused.layer) + 1
            error.message = _hide_words(error.message, secrets)
            steps[refused.layer] = Step(refused.layer, REFUSED, error.message, error.code, error.hint, refused.evidence)
        told = [_hide(steps.get(layer, Step(layer, SKIPPED, "not tried")), secrets) for layer in LAYERS[:order]]
        rest = [Step(layer, NOT_REACHED, "not reached") for layer in LAYERS[order:]]
        return Report(url, (*told, *rest), error)


def _hide(step: Step, secrets: Sequence[str]) -> Step:
    return step._replace(
        message=_hide_words(step.message, secrets),
        hint=_hide_within(step.hint, secrets),
        evidence=_hide_within(step.evidence, secrets),
    )


def _hide_within(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        return _hide_words(value, secrets)
    if isinstance(value, dict):
        return {name: _hide_within(item, secrets) for name, item in value.items()}
    return [_hide_within(item, secrets) for item in value] if isinstance(value, list) else value


def _hide_words(text: str, secrets: Sequence[str]) -> str:
    """Also as they stand in an address."""
    for secret in secrets:
        for form in (secret, quote(secret), quote(secret, safe="")):
            text = text.replace(form, MASK) if len(form) >= _SHORTEST_SECRET else text
    return text
