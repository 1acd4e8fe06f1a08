"""Generates pages from the code: settings, the HTTP API, metrics, log events. `python -m reference` writes them."""
