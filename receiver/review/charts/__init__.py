"""Charts as SVG: of an incident's timeline, and of reports. Pure."""
