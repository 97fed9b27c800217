"""Add-block deltas: what a new file is made of, given an old one. ``matcher.c`` finds it, compiled."""
