"""Plays each side of the task protocol against the other, by the protocol's page; imports nothing of the package."""
