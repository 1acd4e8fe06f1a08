"""The forms of the console: what their fields say, and the command or the change that each makes."""
