"""Schedules while the service runs: overrides, hand-offs, user groups."""
