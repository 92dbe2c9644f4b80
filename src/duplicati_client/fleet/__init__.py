"""A task server's operator API as a typed library: what `sdk` is for one Duplicati server."""
