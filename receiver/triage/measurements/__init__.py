"""What is read from an alert's text or asked of Prometheus: quantities with units, and how far a problem reaches."""
