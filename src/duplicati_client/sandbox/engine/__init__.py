"""The server behind the faces: backups, one queue, runs that copy files, and what they leave; nothing of HTTP."""
