"""Bugs planted on purpose, as patches: what the tests are worth is shown by their failing."""
