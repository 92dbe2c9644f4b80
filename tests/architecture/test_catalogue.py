"""The catalogue, the modules that perform its operations, the verbs and the acceptance scripts name the same things."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from duplicati_client.cli.verbs import PLURALS, VERBS
from duplicati_client.protocol.catalogue import CATALOGUE, Effect
from tests.acceptance.script import load_scripts

OPERATIONS = sorted(CATALOGUE.values())
VERBS_WITHOUT_A_SERVER = {"completion", "config", "daemon", "sandbox", "task-server"}
VERBS_OF_THE_SESSION = {"login", "logout"}
KINDS_ON_THE_WIRE = {str, int, float, bool}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_operation_is_a_verb_and_says_what_types_it_gives(operation):
    assert operation.name in VERBS
    assert operation.results
    for result in operation.results:
        module, _, name = result.rpartition(".")
        assert result == "object" or hasattr(import_module(f"duplicati_client.operations.{module}"), name)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_operation_is_about_types_that_the_command_line_knows(operation):
    assert set(operation.resource_types) <= set(PLURALS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_parameters_can_travel_and_are_explained(operation):
    assert {parameter.kind for parameter in operation.parameters} <= KINDS_ON_THE_WIRE
    assert all(parameter.help and parameter.name.islower() for parameter in operation.parameters)


def test_only_verbs_that_act_have_an_effect():
    acting = {name for name, operation in CATALOGUE.items() if operation.effect is not Effect.READ}
    assert acting == {name for name, (group, _) in VERBS.items() if group in ("act", "configure")}


def test_every_verb_that_asks_a_server_is_in_the_catalogue():
    assert set(VERBS) - set(CATALOGUE) == VERBS_WITHOUT_A_SERVER | VERBS_OF_THE_SESSION


def test_every_verb_but_the_sandbox_has_an_acceptance_script():
    commands = [step.command for script in load_scripts() for step in script.steps]
    scripted = {found[1] for command in commands if (found := re.search(r"duplicati ([a-z-]+)", command))}
    assert set(VERBS) - scripted == {"sandbox"}
