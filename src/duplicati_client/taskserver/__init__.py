"""Keeps tasks, hands them out to daemons and collects what came of them; never talks to a Duplicati server."""
