"""Connections that were begun before the rest of the program was loaded, until they are taken over.

Light to import. Not for beginning one (``transport.openssh.ahead``), nor for waiting for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Begun(Protocol):
    """A connection in the making."""

    def end(self) -> None: ...


T = TypeVar("T", bound=Begun)


class HeadStart(Generic[T]):
    """By whom each leads to; ``end`` it when nobody will ask for more."""

    def __init__(self) -> None:
        self._begun: list[tuple[Hashable, T]] = []

    def put(self, key: Hashable, begun: T) -> None:
        """Several may have the same key: stores of one host."""
        self._begun.append((key, begun))

    def take(self, key: Hashable) -> T | None:
        """One with this key, if there is one; it is for the caller to end."""
        for index, (known, begun) in enumerate(self._begun):
            if known == key:
                del self._begun[index]
                return begun
        return None

    def end(self) -> None:
        """End what nobody took over."""
        while self._begun:
            self._begun.pop()[1].end()
