"""Documents about incidents: timelines, post-mortems, e-mails. Pure: an incident and its log -> Markdown."""
