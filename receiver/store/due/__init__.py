"""The due set: work that is due at a time, its leases, and the rate limits of vendors."""
