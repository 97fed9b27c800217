"""The keys of relstore.toml: a module for each section declares its keys."""
