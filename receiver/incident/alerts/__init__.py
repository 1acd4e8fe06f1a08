"""How alerts change an incident: opening, monitoring, storms, maintenance, the Watchdog."""
