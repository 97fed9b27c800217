"""Proving that the contents of a store match their names, and what does not.

Not for replacing damaged contents (``upload``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.names import AppName, Digest


class Verify(NamedTuple):
    """Check everything on disk. Events: Step. Reply: Verified, its body a stream of FindingOut."""

    repair: bool = False
    """Repair what can be repaired with what the store has."""


class FindingOut(NamedTuple):
    """One thing that is wrong, or was until it was repaired."""

    path: str
    problem: str
    repaired: bool
    """Whether it is wrong no more. What is no object of the store is only set aside (``is_set_aside``)."""
    foreign: bool = False
    """Whether it is something that relstore did not put there, which damages nothing and is left alone."""

    @property
    def is_set_aside(self) -> bool:
        """Whether it was moved to ``quarantine/``, with nothing that could be restored in its place.

        That is so in ``objects/`` alone: what builds use was restored before.
        """
        return self.repaired and self.path.startswith("objects/")


class DamagedBuild(NamedTuple):
    """A build that could not be repaired with what the store has."""

    build: Digest
    app: Optional[AppName]
    """An app whose generation it is, or None where no generation needs it."""
    generation: int


class Verified(NamedTuple):
    generations: int
    builds: int
    objects: int
    bytes: int
    damaged: tuple[DamagedBuild, ...]
    """At most 1,000."""
