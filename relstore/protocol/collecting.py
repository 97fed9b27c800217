"""Collecting what nothing needs: the request, a line of the plan, and the sum.

Not for deciding what is removed (``gc.plan``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.names import AppName
from relstore.formats.retention import Policy


class Collect(NamedTuple):
    """Plan, and sweep unless ``dry_run``. Reply: Collected, its body a stream of PlanLine."""

    app: Optional[AppName]
    """Whose generations may be removed; None for all apps."""
    retention: Optional[Policy]
    """Overrides the policies that the apps have."""
    otherwise: Optional[Policy]
    """For an app that has no policy."""
    who: str
    dry_run: bool


class PlanLine(NamedTuple):
    """One line of a collector's plan."""

    kind: str
    """``generation``, ``build``, or a kind of leftover: ``lease``, ``staged upload``, ``half-written file``,
    ``job``, ``helper``, ``damaged file``."""
    name: str
    app: str
    keep: bool
    reason: str
    bytes: int
    """What its removal frees; 0 for what is kept."""


class Collected(NamedTuple):
    objects: int
    """Objects that are removed."""
    bytes: int
    """Bytes that are freed; hard links count once."""
    kept_generations: int
    warnings: tuple[str, ...]
