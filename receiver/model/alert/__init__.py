"""Alerts and notifications, as Alertmanager sends them."""
