"""Processes are killed and stores stopped; the ledgers of the sender and the vendors show whether anything was lost."""
