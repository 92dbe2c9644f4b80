"""Finds in the daemon's code the names that its page explains, and those that the page has; runs nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from tests.docs.fences import ROOT

SOURCE = ROOT / "src" / "duplicati_client"
_WORD = re.compile(r"[a-z]+(-[a-z]+)*")
_CODE = re.compile(r"`([^`]+)`")
_HEADINGS = ("state", "code", "event")


class Module:
    """A module of the daemon: its nodes, and its constants that are texts."""

    def __init__(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self.nodes = list(ast.walk(tree))
        self._texts = {name: value for node in tree.body for name, value in _list_texts(node)}

    def find_words(self, given: ast.expr) -> set[str]:
        """Return the words that an expression may give, its own and those of constants."""
        found = {node.value for node in ast.walk(given) if isinstance(node, ast.Constant)}
        found |= {self._texts.get(node.id, "") for node in ast.walk(given) if isinstance(node, ast.Name)}
        return {word for word in found if isinstance(word, str) and _WORD.fullmatch(word)}

    def find_arguments(self, places: dict[str, int]) -> Iterator[ast.expr]:
        """Yield what is given to functions at their places."""
        for node in self.nodes:
            name = _name_of(node.func) if isinstance(node, ast.Call) else ""
            if name in places and len(node.args) > places[name]:
                yield node.args[places[name]]

    def find_assigned(self, is_meant: Callable[[ast.expr], bool]) -> Iterator[ast.expr]:
        """Yield what becomes of a variable or an attribute, alone or as one of several."""
        for node in (node for node in self.nodes if isinstance(node, ast.Assign)):
            target = node.targets[0]
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            yield from (value for one, value in pairs if is_meant(one))

    def find_members(self, key: str) -> Iterator[ast.expr]:
        """Yield what stands under a key where a dictionary is written."""
        for node in (node for node in self.nodes if isinstance(node, ast.Dict)):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key)


def find_states() -> set[str]:
    """Return what a task in progress can be called."""
    given = _collect(lambda module: module.find_arguments({"Pause": 0, "_put_off": 1}))
    return given | _collect(lambda module: module.find_assigned(lambda one: getattr(one, "attr", "") == "state"))


def find_codes() -> set[str]:
    """Return the codes that results get in the daemon, beside those of errors."""
    places = {"fail": 0, "_refusal": 0, "_refuse": 1, "close": 1}
    given = _collect(lambda module: module.find_arguments(places))
    return given | _collect(lambda module: module.find_members("Code"))


def find_conditions() -> set[str]:
    """Return what the status can call a problem, but for the states of the connection."""
    given = _collect(lambda module: module.find_arguments({"Problem": 0}))
    return given | _collect(lambda module: module.find_members("code"))


def find_events() -> set[str]:
    """Return the codes of events; where a server's alias is part of one it is ALIAS."""
    places = {"tell": 0, "warn": 0, "_tell": 0}
    given = [one for module in read_modules() for one in module.find_arguments(places)]
    is_of_server = any(ast.unparse(one) == "f'server {self.alias}'" for one in given)
    return _collect(lambda module: module.find_arguments(places)) | ({"server ALIAS"} if is_of_server else set())


def read_names(page: Path, name: str) -> dict[str, list[str]]:
    """Return the rows of the table after `<!-- names: NAME -->`, by the names in its column of names."""
    text = page.read_text(encoding="utf-8").partition(f"<!-- names: {name} -->\n\n")[2].partition("\n\n")[0]
    head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines()]
    at = next(at for at, title in enumerate(head) if title.strip("`").lower() in _HEADINGS)
    return {word: cells for cells in rows for word in _CODE.findall(cells[at])}


@cache
def read_modules() -> tuple[Module, ...]:
    paths = [path for folder in ("daemon", "cli/daemon") for path in sorted((SOURCE / folder).glob("*.py"))]
    return tuple(Module(path) for path in paths)


def _collect(find: Callable[[Module], Iterator[ast.expr]]) -> set[str]:
    return {word for module in read_modules() for given in find(module) for word in module.find_words(given)}


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _list_texts(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the constants of a module, also where several are set at once."""
    target, value = (node.targets[0], node.value) if isinstance(node, ast.Assign) else (None, None)
    if isinstance(node, ast.AnnAssign):
        target, value = node.target, node.value
    pairs = [(target, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = list(zip(target.elts, value.elts, strict=True))
    for one, text in pairs:
        if isinstance(one, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield one.id, text.value
