"""Commands of responders in, from wherever they come."""
