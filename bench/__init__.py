"""Timings of relstore and its peers, taken in one run and shown as ratios. ``make bench`` runs them."""
