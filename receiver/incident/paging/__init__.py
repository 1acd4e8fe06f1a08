"""Who is paged and informed, and who is paged next: recipients, escalation, fallback channels."""
