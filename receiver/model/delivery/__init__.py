"""The input of channels, and the public data."""
