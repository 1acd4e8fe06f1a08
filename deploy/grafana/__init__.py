"""The Grafana dashboard, built in code: `python -m deploy.grafana` writes the JSON that is shipped."""
