"""Decisions that are made without the store: emergency pages and the next escalation step."""
