"""Processes are killed and stores stopped; sender's and vendors' ledgers say whether anything was lost."""
