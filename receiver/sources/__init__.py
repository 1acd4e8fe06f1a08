"""What we ask others: how it is there. An address comes from the configuration only, never from a label."""
