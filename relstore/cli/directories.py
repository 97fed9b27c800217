"""Where this machine keeps what relstore knows: a cache that may be lost, and a state that should not be.

platformdirs is imported where it is needed: `--help` and `--version` need no directory.
"""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "RELSTORE_CACHE_DIR"
STATE_VARIABLE = "RELSTORE_STATE_DIR"


def cache_directory() -> Path:
    """Losing it costs time."""
    if place := os.environ.get(CACHE_VARIABLE):
        return Path(place)
    import platformdirs

    return platformdirs.user_cache_path("relstore", appauthor=False)


def state_directory() -> Path:
    """Losing it costs knowledge."""
    if place := os.environ.get(STATE_VARIABLE):
        return Path(place)
    import platformdirs

    return platformdirs.user_state_path("relstore", appauthor=False)
