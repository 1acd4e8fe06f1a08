"""Jira: tickets of incidents and of action items."""
