"""What the kinds of origins have in common. Not for one of them (``s3``, ``by_command``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol


class Content(NamedTuple):
    """A stream to put somewhere."""

    name: str
    """Its place in the origin: ``v1/`` and its SHA-256."""
    size: int
    read: Callable[[], Iterator[bytes]]
    """Its bytes, from the beginning; may be called again."""


class OriginPlace(Protocol):
    """Where streams are put. Every method raises OriginError, which holds no secret."""

    async def put(self, content: Content) -> bool:
        """Put it there; False where it is there already."""

    async def url(self, name: str) -> str:
        """A URL by which any host may fetch it. It may hold a signature."""
