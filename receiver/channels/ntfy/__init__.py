"""ntfy: pages and messages on phones, and their buttons."""
