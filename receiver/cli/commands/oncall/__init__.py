"""Commands for on-call schedules."""
