"""The content of the public status page."""
