"""Scenarios of the whole service in one process: a real store, fake vendors, and a clock that the test advances."""
