"""Completion in the shells: what could come next in a line, asked by the shell at every press of TAB."""
