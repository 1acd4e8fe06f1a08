"""The due set: work that is owed at a time, its leases, and the rate limits of vendors."""
