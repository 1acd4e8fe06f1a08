"""What is valid but unwise, one subject a file."""
