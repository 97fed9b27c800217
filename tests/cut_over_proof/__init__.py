"""``make proof-cut-over``: cut-over on hosts with systemd, under load, with everything that can go wrong at each step.

Each part runs at a host of its own, as an ordinary account with the printed rule for sudo and the printed units, and
gives rows of the table in docs/cut-over.md. The short form of what is worth it is in tests/systemd/test_cut_over.py.
"""
