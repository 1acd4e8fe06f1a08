"""Dry runs: what a notification would cause, with nothing stored and nothing sent."""
