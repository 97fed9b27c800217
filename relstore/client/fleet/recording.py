"""What a record of a rollout says beside how far it is, and what runs once. Plain values, light to load.

Not for keeping the record (``recorder``).
"""

from __future__ import annotations

from dataclasses import dataclass

from relstore.formats.command import Command


@dataclass(frozen=True)
class Once:
    """The command that runs once, on the first host, before the first wave."""

    command: Command
    again: bool = False
    """Also where it began and how it ended is not known."""
    skip: bool = False
    """Count it as done there."""


@dataclass(frozen=True)
class Recording:
    """Who begins it, and how."""

    command: str
    who: str
    supersede: bool = False
    """Whether to take over from a rollout that runs or waits."""
    rejects: str | None = None
    """Why what is left is marked as bad; None where it is not."""
