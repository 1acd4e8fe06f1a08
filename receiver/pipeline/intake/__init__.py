"""Notifications in: load, decide, commit."""
