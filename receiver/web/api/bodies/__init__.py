"""Bodies of requests to the API."""
