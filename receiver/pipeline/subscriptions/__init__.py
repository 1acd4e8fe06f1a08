"""Mail to people who have subscribed to the status page."""
