"""Incidents in the store: commits, snapshots, summaries, and the archive."""
