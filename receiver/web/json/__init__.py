"""The JSON of responses, and its schemas."""
