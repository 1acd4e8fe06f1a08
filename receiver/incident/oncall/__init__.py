"""Who is on call: schedules, rotations, contacts, and hand-offs."""
