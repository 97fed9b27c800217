"""Archives as artifacts: reading them by strict rules into a private directory, which is then scanned."""
