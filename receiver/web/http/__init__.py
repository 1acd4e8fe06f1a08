"""The HTTP server, errors, bodies, and queries, which all endpoints use."""
