"""Where the task server keeps what it knows: one interface a noun, the same work on SQLite and on PostgreSQL."""
