"""The graph of an alert's expression: which rule it is, its values over time, and its pictures."""
