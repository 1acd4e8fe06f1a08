"""The HTTP server, errors, bodies, and queries: what every endpoint uses."""
