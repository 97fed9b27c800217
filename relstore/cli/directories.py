"""Where this machine keeps what relstore knows: a cache that may be lost, and a state that should not be.

platformdirs is imported where it is needed: `--help` and `--version` need no directory.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relstore.client.local_state.seen_generations import SeenGenerations

CACHE_VARIABLE = "RELSTORE_CACHE_DIR"
STATE_VARIABLE = "RELSTORE_STATE_DIR"


def cache_directory() -> Path:
    """Losing it costs time."""
    if place := os.environ.get(CACHE_VARIABLE):
        return Path(place)
    import platformdirs

    return _for_us_alone(platformdirs.user_cache_path("relstore", appauthor=False))


def state_directory() -> Path:
    """Losing it costs knowledge."""
    if place := os.environ.get(STATE_VARIABLE):
        return Path(place)
    import platformdirs

    return _for_us_alone(platformdirs.user_state_path("relstore", appauthor=False))


def seen_generations() -> SeenGenerations:
    """What this account saw of hosts last."""
    from relstore.client.local_state.seen_generations import SeenGenerations

    return SeenGenerations(state_directory() / "generations.json")


def _for_us_alone(directory: Path) -> Path:
    """``directory``, closed to others if it was made under a careless umask. A place of the person's own
    choice stays as it is."""
    with contextlib.suppress(OSError):
        if directory.stat().st_mode & 0o077:
            directory.chmod(0o700)
    return directory
