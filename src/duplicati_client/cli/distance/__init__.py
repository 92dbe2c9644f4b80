"""The verbs through a task server: the same operation as a task for a daemon, and its data as the same records."""
