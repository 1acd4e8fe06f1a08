"""Sends mail to subscribers of the status page."""
