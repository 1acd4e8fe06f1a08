"""Pages that are made of the code: settings, the HTTP API, metrics. `python -m reference` writes them."""
