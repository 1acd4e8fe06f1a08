"""Queries to other systems. Addresses come only from the configuration, never from a label."""
