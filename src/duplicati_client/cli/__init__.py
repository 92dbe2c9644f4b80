"""The command line: parses, asks the library, prints; holds no knowledge of how a server is spoken to."""
