"""What a replica keeps in memory of open incidents."""
