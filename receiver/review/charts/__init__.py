"""Charts as SVG: of an incident's timeline, of reports, and of expressions. Pure."""
