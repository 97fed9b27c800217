"""Taking over what another tool deployed: read its releases, import them, take over their path."""
