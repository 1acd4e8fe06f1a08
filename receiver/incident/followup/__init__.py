"""What follows an incident: the post-mortem and its action items."""
