"""People, contacts, schedules and rotations in the configuration."""
