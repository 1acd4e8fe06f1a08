"""What responders do: commands, merges and splits, slash commands, reminders."""
