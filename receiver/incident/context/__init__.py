"""What surrounds an incident: links to graphs and logs, runbooks, recent changes."""
