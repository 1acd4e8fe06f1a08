"""What the public status page shows."""
