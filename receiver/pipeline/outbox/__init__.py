"""What a decision owes: a row for each destination, and what each destination is told."""
