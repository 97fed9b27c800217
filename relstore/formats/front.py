"""What stands in front of two slots and is told how much of the traffic each gets: part of a recipe.

Plain values. A front that only connects to ``live`` is told nothing, and has none of these. Not for telling
it (``host.job.traffic``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.command import Command
from relstore.formats.names import BackendName


class HaproxyApi(NamedTuple):
    """Where HAProxy is told."""

    socket: str
    """The path of its runtime API."""
    backend: BackendName


class Front(NamedTuple):
    """How the front is told: by HAProxy's runtime API or by a command, one of the two."""

    shares: tuple[int, ...]
    """The percentages of the traffic that a new release gets before it gets all."""
    haproxy: Optional[HaproxyApi]
    command: Optional[Command]
