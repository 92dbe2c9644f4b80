"""Measurements side by side: each program of this folder prints one table."""
