"""Drive Duplicati backup servers: the library's public names, loaded on first use."""

__version__ = "0.1.0"
