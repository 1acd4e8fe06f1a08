"""What a decision sends: a row for each destination, and the text for each destination."""
