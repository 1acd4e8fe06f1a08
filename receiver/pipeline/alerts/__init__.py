"""What follows alerts over time: Alertmanager and Prometheus are asked, storms, maintenance, the watchdog."""
