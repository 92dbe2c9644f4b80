"""Finds the blocks in the pages and writes them anew; what they say is made elsewhere.

A block stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; everything around it is written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate import answers, daemon, routes, shapes, verbs

DOCS = Path(__file__).resolve().parent.parent
BLOCKS = {
    "configuration keys": verbs.configuration_keys,
    "daemon settings": daemon.settings,
    "documents": shapes.documents,
    "effects": answers.effects,
    "errors": answers.all_errors,
    "exit statuses": answers.exits,
    "global options": verbs.global_options,
    "lines": shapes.lines,
    "operations": answers.operations,
    "operator bodies": routes.bodies,
    "operator routes": routes.routes,
    "overview of verbs": verbs.overview,
    "policy keys": daemon.policy_keys,
    "policy presets": daemon.preset_operations,
    "releases": answers.releases,
    "sandbox faults": answers.sandbox_faults,
    "variables alone": verbs.variables_alone,
    "verbs": verbs.verbs,
    "weaker promises": daemon.weaker_promises,
}
_BLOCK = re.compile(r"<!-- generated: (?P<name>[a-z ]+) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)


def generated_pages() -> list[Path]:
    """Return the pages that hold blocks."""
    return [page for page in sorted(DOCS.rglob("*.md")) if _BLOCK.search(page.read_text(encoding="utf-8"))]


def renew(page: str) -> str:
    """Return a page's text with each of its blocks written anew."""
    return _BLOCK.sub(lambda found: _write_block(found["name"]), page)


def _write_block(name: str) -> str:
    return f"<!-- generated: {name} -->\n\n{BLOCKS[name]()}\n\n<!-- end of {name} -->"
