"""The incident, its events, and the records of what people do about it."""
