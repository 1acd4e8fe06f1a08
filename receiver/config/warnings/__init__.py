"""Warnings about settings that are valid but unwise, one subject per file."""
