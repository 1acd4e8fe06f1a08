"""The forms of the console: each module converts the fields of a form to a command or a change."""
