"""What is decided without the store: emergency pages and the next escalation step."""
