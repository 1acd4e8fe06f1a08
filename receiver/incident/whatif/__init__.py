"""Simulations: forecasts of escalations, and replays of rules."""
