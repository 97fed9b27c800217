"""Is a host ready for a push? Asked by ``relstore check``, without an artifact.

Not for a release, which is judged before it is sent (``activation.Preflight``), nor for the contents of
a store (``checking``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.finding import Aspect
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.protocol.activation import Problem
from relstore.protocol.upload import Draw


class CheckHost(NamedTuple):
    """Could this host make a release of the app live? Changes nothing. Reply: HostChecked."""

    app: Optional[AppName]
    """None where nobody knows it yet; then nothing says which link the units must run through."""
    recipe: Recipe


class Observation(NamedTuple):
    """What a host saw of one aspect, for people, whether or not something is wrong with it."""

    aspect: Aspect
    what: str


class HostChecked(NamedTuple):
    received: int
    """When the request came, by the host's clock, in microseconds since 1970."""
    sent: int
    """When this reply went, by the same clock."""
    observations: tuple[Observation, ...]
    """One for each aspect that was looked at; the others do not matter to this app."""
    problems: tuple[Problem, ...]


class CheckOrigin(NamedTuple):
    """Can this host fetch from the origin? What it fetches is kept nowhere. Reply: OriginChecked."""

    draw: Draw
    digests: bytes
    """The body that the request to draw would have."""


class OriginChecked(NamedTuple):
    why: str
    """Why it cannot; empty when it can."""
