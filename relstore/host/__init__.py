"""What serves a client on the host: sessions, jobs, activation. Runs on the host."""
