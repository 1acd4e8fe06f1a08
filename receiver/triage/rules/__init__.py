"""Severity rules: their syntax, and how they decide."""
