"""What is looked back with: timelines, post-mortems, letters. Pure: an incident and its log -> Markdown."""
