"""People who call a service all the time, and an account of every request that they make."""
