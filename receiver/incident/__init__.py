"""Decisions about incidents: pure functions that return events with a reason."""
