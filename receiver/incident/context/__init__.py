"""The context of an incident: links to graphs and logs, runbooks, recent changes."""
