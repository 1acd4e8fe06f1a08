"""receiver: from an Alertmanager webhook to a reviewed incident."""

__version__ = "0.1.0"
