"""Warnings about valid rules files."""
