"""Where this machine keeps what relstore knows: what may be lost, and what should not be."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "RELSTORE_CACHE_DIR"
STATE_VARIABLE = "RELSTORE_STATE_DIR"


def cache_directory() -> Path:
    """Losing it costs time."""
    place = os.environ.get(CACHE_VARIABLE)
    return Path(place) if place else platformdirs.user_cache_path("relstore", appauthor=False)


def state_directory() -> Path:
    """Losing it costs knowledge."""
    place = os.environ.get(STATE_VARIABLE)
    return Path(place) if place else platformdirs.user_state_path("relstore", appauthor=False)
