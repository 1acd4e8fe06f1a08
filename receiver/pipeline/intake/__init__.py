"""Handles incoming notifications: load, decide, commit."""
