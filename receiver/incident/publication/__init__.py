"""What the public and customers are told."""
