"""People, contacts, schedules, and rotations, as the configuration writes them."""
