"""Handles commands of responders from every source."""
