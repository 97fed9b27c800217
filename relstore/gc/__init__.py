"""The collector: what is kept and why (pure), and the sweep. Runs on the host."""
