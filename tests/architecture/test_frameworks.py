"""Libraries that shape code stay at the edges, and every library in use is declared."""

from __future__ import annotations

import re
import sys

from tests.architecture.project import PACKAGE, Import, imports_of_package, is_within, names_in, settings, table_below

MODULES_OF_DISTRIBUTIONS = {"pyyaml": "yaml", "tomli-w": "tomli_w", "argon2-cffi": "argon2"}
BROUGHT_ALONG = {"sqlalchemy": "part of what Alembic offers"}


def test_each_framework_is_imported_only_where_the_page_allows_it():
    homes = {
        library: names_in(places)
        for libraries, places in table_below("docs/architecture.md", "Frameworks stay at the edges")
        for library in names_in(libraries)
    }
    astray = [
        found
        for found in imports_of_package()
        for library, places in homes.items()
        if is_within(found.target, library) and not any(is_within(found.module, place) for place in places)
    ]
    assert astray == []


def test_every_imported_library_is_declared():
    declared = {_module_of(requirement) for requirement in _all_requirements()} | set(BROUGHT_ALONG)
    undeclared = [found for found in imports_of_package() if _library(found) not in declared | {None}]
    assert undeclared == []


def test_every_declared_library_is_imported():
    declared = {_module_of(requirement) for requirement in settings()["project"]["dependencies"]}
    assert declared - {_library(found) for found in imports_of_package()} == set()


def _all_requirements() -> list[str]:
    project = settings()["project"]
    return [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]


def _library(found: Import) -> str | None:
    top = found.target.partition(".")[0]
    return None if top == PACKAGE or top in sys.stdlib_module_names else top


def _module_of(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert name, requirement
    return MODULES_OF_DISTRIBUTIONS.get(name[0].lower(), name[0].lower().replace("-", "_"))
