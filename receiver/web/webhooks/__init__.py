"""Webhooks of Alertmanager, PagerDuty, and Slack."""
