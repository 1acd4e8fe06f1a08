"""Random schedules of faults, run in virtual time and checked against the ledgers of sender and vendors."""
