"""``make proof-fleet``: rollouts over ten hosts with systemd behind one HAProxy, under load all the time.

Each part has a fleet of its own, and gives rows of the table in docs/rollouts.md. The short form is in
tests/systemd/test_fleet.py.
"""
