"""Confluence: documents as pages."""
