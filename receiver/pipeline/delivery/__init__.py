"""Sends outbox rows: attempts, retries, circuit breakers, dead letters."""
