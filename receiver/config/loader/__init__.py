"""Reads files and the environment into a checked configuration, or reports every error."""
