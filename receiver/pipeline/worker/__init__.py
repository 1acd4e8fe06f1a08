"""The work loop, and what watches over it."""
