"""Reports, error budgets, and the archive of old incidents."""
