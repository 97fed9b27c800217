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
        self._begun: dict[Hashable, T] = {}

    def put(self, key: Hashable, begun: T) -> None:
        self._begun[key] = begun

    def take(self, key: Hashable) -> T | None:
        """The one with this key, if there is one; it is for the caller to end."""
        return self._begun.pop(key, None)

    def end(self) -> None:
        """End what nobody took over."""
        while self._begun:
            self._begun.popitem()[1].end()
