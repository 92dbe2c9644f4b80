"""The daemon: takes tasks from a task server and has them done on the Duplicati servers beside it."""
