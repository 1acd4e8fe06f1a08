"""Twilio: pages by SMS and by telephone call."""
