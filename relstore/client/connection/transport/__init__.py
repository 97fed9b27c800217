"""Transports: they run the helper over SSH or on this machine, and know nothing of what it says."""
