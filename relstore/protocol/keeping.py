"""What people say about generations and apps: pins, marks, holds, and deleting by hand.

Not for the collector's policy (``collecting``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.formats.names import AppName, PinName


class Pin(NamedTuple):
    """Keep a generation whatever the policy says. Reply: RowOut."""

    app: AppName
    name: PinName
    spec: str


class Unpin(NamedTuple):
    """Reply: Done."""

    app: AppName
    name: PinName


class Delete(NamedTuple):
    """Remove generations; their records stay. Reply: Done, its body a stream of RowOut."""

    app: AppName
    specs: tuple[str, ...]
    who: str
    dry_run: bool


class Hold(NamedTuple):
    """Refuse activations until ``Unhold``. Reply: Done."""

    app: AppName
    who: str
    message: str


class Unhold(NamedTuple):
    """Reply: Unheld."""

    app: AppName


class Mark(NamedTuple):
    """Say by hand that a generation is good or bad. Reply: RowOut."""

    app: AppName
    spec: str
    good: bool
    who: str
    reason: str


class Unheld(NamedTuple):
    was_held: bool
