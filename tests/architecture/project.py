"""Read the project's own files for the architecture tests: its settings, pages and imports; it judges nothing."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = "duplicati_client"
SOURCE = ROOT / "src" / PACKAGE


class Import(NamedTuple):
    """One import statement's target, as seen from a module of the package."""

    module: str  # relative to the package: "sdk.events"; "" is the package itself
    target: str  # absolute: "http.client", "duplicati_client.errors"
    line: int


def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def parts() -> set[str]:
    """Name the modules and packages directly below the package."""
    found = {path.stem for path in SOURCE.glob("*.py")} | {path.parent.name for path in SOURCE.glob("*/*.py")}
    return found - {"__init__"}


def table_below(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of a page, without its head."""
    text = (ROOT / page).read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def names_in(cell: str) -> set[str]:
    """Return what a cell quotes: `a` `b`."""
    return set(cell.split("`")[1::2])


def imports_of_package() -> Iterator[Import]:
    """Yield every import of every module, also those inside functions."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        package = (
            f"{PACKAGE}.{module}".rstrip(".")
            if path.name == "__init__.py"
            else f"{PACKAGE}.{module}".rpartition(".")[0]
        )
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for target in _targets(node, package):
                yield Import(module, target, getattr(node, "lineno", 0))


def _targets(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        origin = ".".join([*above, *([node.module] if node.module else [])])
        return [f"{origin}.{alias.name}" for alias in node.names]
    return []


def is_within(name: str, owner: str) -> bool:
    """Tell whether a dotted name is the owner or lies below it."""
    return name == owner or name.startswith(f"{owner}.")
