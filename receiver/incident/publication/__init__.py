"""Public updates and customer email."""
