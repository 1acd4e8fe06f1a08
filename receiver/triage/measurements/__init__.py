"""Values from an alert's text or from Prometheus: quantities with units, and the scope of a problem."""
