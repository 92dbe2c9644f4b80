"""Performs the operations of the catalogue with the library, one module a verb; it prints nothing and asks nobody."""
