"""What the public reads: the status page, its feeds and badges, and subscriptions."""
