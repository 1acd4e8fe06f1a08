"""Rows out: sending, retries, circuit breakers, dead letters."""
