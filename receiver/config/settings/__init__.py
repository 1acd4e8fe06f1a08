"""The sections of the configuration and their fields."""
