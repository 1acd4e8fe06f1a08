"""The public status page, its feeds and badges, and subscriptions."""
