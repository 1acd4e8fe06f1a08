"""The words everybody speaks: frozen models and enums, no I/O, no clock, nothing of ours imported."""
