"""A read-only endpoint of the Model Context Protocol."""
