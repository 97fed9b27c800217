"""Removing an app from a store, with all that only it needs.

Not for single generations (``keeping``), nor for what a policy lets go (``collecting``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.formats.names import AppName


class RemoveApp(NamedTuple):
    """Remove an app; with ``dry_run`` only say what would go. Reply: AppRemoved, its body a stream of LogRow:
    the log of the app, which goes too."""

    app: AppName
    who: str
    dry_run: bool


class AppRemoved(NamedTuple):
    generations: int
    """How many the app had that were not deleted."""
    pins: int
    current: int
    """The number of the one that was current, or 0."""
    builds: int
    """How many builds nothing else needs."""
    bytes: int
    """What was freed; hard links count once."""
    resumed: bool
    """Whether an earlier removal had got so far that only the rest was left to free."""
    warnings: tuple[str, ...]
