"""Sign-in of people: what their groups allow, and how long a session lasts."""
