"""Tests of two replicas, each with a proxy in front of the store that cuts it off or delays it."""
