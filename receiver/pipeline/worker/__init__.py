"""The work loop, and its monitoring."""
