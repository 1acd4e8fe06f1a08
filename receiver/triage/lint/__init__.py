"""What is valid in a rules file but unwise."""
