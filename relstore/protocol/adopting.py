"""Taking over what another tool deployed on the host, and giving it back."""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.adoption import LayoutKind
from relstore.formats.names import AppName, Digest


class Adopt(NamedTuple):
    """Import old releases and have their path lead into the store. Events: Step. Reply: Adopted, its body a
    stream of AdoptedOut."""

    app: AppName
    path: str
    """Where the old releases are, on the host."""
    layout: Optional[LayoutKind]
    """None: the host tells by what is there."""
    live: Optional[str]
    """The symlink that the service uses; None for the usual one of the layout."""
    good: tuple[str, ...]
    """Names of releases that count as good, whatever the layout says."""
    exclude: tuple[str, ...]
    """Paths in the releases to leave out."""
    last: int
    """How many releases to take, beside the live one and the good ones."""
    who: str
    dry_run: bool


class Adopted(NamedTuple):
    layout: LayoutKind
    live: str
    """The path that was taken over."""
    target: str
    """Where it leads now."""
    generation: int
    """The live release's; 0 in a dry run."""
    left_over: str
    """The path of what the old tool leaves, which nothing needs from the next release on."""


class AdoptedOut(NamedTuple):
    """One old release."""

    name: str
    created: int
    commit: Optional[str]
    who: str
    is_live: bool
    is_good: bool
    generation: int
    """0 where it was not taken, and in a dry run."""
    build: Optional[Digest]
    size: int
    problem: str
    """Why it was not taken; empty when it was, or would be."""


class GiveBack(NamedTuple):
    """Have the path lead to the old release of what is current. Reply: GivenBack."""

    app: AppName
    dry_run: bool


class GivenBack(NamedTuple):
    live: str
    target: str
    """The old release that it leads to again."""
    generation: int
