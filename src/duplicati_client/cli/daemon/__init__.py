"""The sub-verbs of `daemon`, a module each, loaded when it is called."""
