"""From a group of alerts to a severity and an incident's key: pure decisions, no I/O, no clock."""
