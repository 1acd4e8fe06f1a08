"""Documents about incidents: timelines, post-mortems, emails. Pure: an incident and its log -> Markdown."""
