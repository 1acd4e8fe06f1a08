"""What would happen: escalations that are forecast, and rules that are replayed."""
