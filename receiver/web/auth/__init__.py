"""Who is calling: tokens, sessions, and signing in."""
