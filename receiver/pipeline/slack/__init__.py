"""Requests from Slack users: slash commands, buttons, and forms."""
