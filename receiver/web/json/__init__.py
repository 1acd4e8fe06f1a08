"""What leaves as JSON, and its schemas."""
