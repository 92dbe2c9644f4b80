"""HTTP on a socket, as the recorded servers frame it; nothing of Duplicati."""
