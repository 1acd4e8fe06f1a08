"""Handles an unavailable store, and its return: emergency pages, refused notifications, recovery."""
