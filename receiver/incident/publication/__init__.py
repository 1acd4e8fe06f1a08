"""Public updates and customer e-mail."""
