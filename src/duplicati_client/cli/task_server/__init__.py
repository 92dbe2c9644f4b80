"""The sub-verbs of `task-server`, a module each, loaded when it is called."""
