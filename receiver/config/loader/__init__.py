"""From files and the environment to a checked configuration, or to every mistake in it."""
