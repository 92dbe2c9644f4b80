"""Writes the parts of the documentation that the code knows best; it is not part of the package."""
