"""Requests of Slack's users: slash commands, buttons, and forms."""
