"""Recent changes and runbooks, read from GitHub and the wiki."""
