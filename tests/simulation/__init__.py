"""Random schedules of faults, run in virtual time and judged from the ledgers of sender and vendors."""
