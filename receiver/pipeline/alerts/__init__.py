"""Follows alerts over time: queries Alertmanager and Prometheus, storms, maintenance, the Watchdog."""
