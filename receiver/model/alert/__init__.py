"""Alerts and the notification that carries them, as Alertmanager sends them."""
