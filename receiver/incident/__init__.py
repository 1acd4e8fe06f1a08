"""The life of an incident: pure decisions that return events with a reason."""
