"""Builds the Grafana dashboard: `python -m deploy.grafana` writes the JSON file of a release."""
