"""Slack: messages about incidents, and a channel for each."""
