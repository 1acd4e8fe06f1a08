"""Load tests: real replicas, a real store and fake vendors with a ledger, with less CPU or a slower store."""
