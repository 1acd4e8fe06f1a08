"""The client of the store: connections, command batches, named errors."""
