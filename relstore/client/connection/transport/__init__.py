"""Ways to run the helper: over SSH and on this machine. Nothing here knows what the helper says."""
