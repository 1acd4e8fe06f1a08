"""What alerts do to an incident: opening, monitoring, storms, maintenance, the watchdog."""
