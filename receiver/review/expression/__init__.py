"""The graph of an alert's expression: its rule, its values over time, and its images."""
