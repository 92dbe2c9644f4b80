"""Getting into a server and staying in: which generation it is, how to log in, how a session survives."""
