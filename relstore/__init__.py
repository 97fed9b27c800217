"""relstore: a content-addressed release store for ordinary Linux hosts, over SSH."""

__version__ = "0.1.0"
