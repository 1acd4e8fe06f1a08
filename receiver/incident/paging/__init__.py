"""Who is paged and notified, and who is paged next: recipients, escalation, fallback channels."""
