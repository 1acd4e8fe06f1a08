"""Handles requests from Slack users: slash commands, buttons, and forms."""
