"""Decides the severity of a group of alerts and the key of its incident: pure, no I/O, no clock."""
