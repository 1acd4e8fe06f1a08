"""What a notification would do, with nothing stored and nothing sent."""
