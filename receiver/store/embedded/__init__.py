"""The embedded store: a Valkey server as a child process, and the lock on its folder."""
