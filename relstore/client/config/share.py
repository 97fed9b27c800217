"""A limit that a person gives as a count or as a percentage. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """So many, or so many of a hundred."""

    number: int
    is_percent: bool = False

    def of(self, total: int) -> int:
        """The count; a percentage is rounded up, so that one of few is never none."""
        return -(-total * self.number // 100) if self.is_percent else self.number


NONE = Share(0)
