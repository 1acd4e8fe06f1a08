"""A replica's memory of open incidents."""
