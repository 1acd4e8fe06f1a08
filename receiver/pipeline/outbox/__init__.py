"""Outgoing messages of a decision: a row for each destination, and its text."""
