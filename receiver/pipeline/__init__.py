"""Loads state, calls a pure package for the decision, and commits the result. It decides nothing itself."""
