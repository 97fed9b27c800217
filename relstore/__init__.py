"""relstore: a content-addressed release store for ordinary Linux hosts, over SSH."""

__version__ = "0.1.0"

HOST_MODULES = ("__init__", "errors", "remote_helper")
HOST_PACKAGES = ("formats", "protocol", "store", "gc", "host")
"""What of this package runs on hosts, with Python 3.9: the bundle is made of it, and the linters follow it.
Beside it only ``remote_stage`` runs there, which is sent before the bundle."""
