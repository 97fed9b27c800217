"""How hosts are reached for an operation, and who is told of it.

Not for making the connection (``connection.connect``).
"""

from __future__ import annotations

from dataclasses import dataclass

from relstore.client.connection.account import Surroundings
from relstore.client.operations.interrupt import Interrupts
from relstore.client.reporter import Reporter
from relstore.client.target import Target


@dataclass(frozen=True)
class Way:
    """How hosts are reached, and who is told."""

    around: Surroundings
    reporter: Reporter
    interrupts: Interrupts

    def to(self, target: Target) -> Place:
        return Place(target, self.around, self.reporter, self.interrupts)


@dataclass(frozen=True)
class Place:
    """A host, how to reach it, and who is told."""

    target: Target
    around: Surroundings
    reporter: Reporter
    interrupts: Interrupts
