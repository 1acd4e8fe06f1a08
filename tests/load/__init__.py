"""Load tests: real replicas, a real store, fake vendors with a ledger, and less CPU or a slower store than usual."""
