"""The options that a server lists, its modules' too, whatever else the list may hold."""

from __future__ import annotations

from duplicati_client.sdk.options import KnownOption, read_options
from tests.contract.recordings import read_file


def test_the_options_of_2_0_8_1_are_read_with_their_types():
    told = next(e.answer for e in read_file("2.0.8.1", "reading-the-server") if e.path.endswith("systeminfo"))
    options = read_options(told)
    assert options["dblock-size"].kind == "Size"
    assert options["dblock-size"].default == "50mb"
    assert options["symlink-policy"].values == ("Store", "Follow", "Ignore")
    assert options["passphrase"].kind == "Password"
    assert options["run-script-before"].kind == "Path"  # of a module
    assert len(options) > 150


def test_an_option_is_found_under_its_other_names_too():
    options = read_options({"Options": [{"Name": "Dry-Run", "Type": "Boolean", "Aliases": ["dryrun", 3]}]})
    assert options["dryrun"] == options["dry-run"] == KnownOption("Dry-Run", "Boolean", (), "", "", False)


def test_what_is_no_option_is_passed_over():
    assert read_options({"Options": [None, 3, {}, {"Name": 4}], "X": [{"Options": "no"}, []], "Y": 1}) == {}
