"""Sign-in of people: permissions by groups, and the lifetime of sessions."""
