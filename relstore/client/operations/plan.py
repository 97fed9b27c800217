"""What a push and an activation will do, decided before any host is contacted.

Not for doing it (``stage``, ``activate``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from relstore import protocol
from relstore.formats.data_link import DataLink
from relstore.formats.executable import Executable
from relstore.formats.finding import Guess
from relstore.formats.generation import Description
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.formats.retention import Policy

if TYPE_CHECKING:  # a switch has no artifact and sends nothing
    from relstore.client.artifact.scan import Scan
    from relstore.client.transfer.send_options import SendOptions


@dataclass(frozen=True)
class Push:
    """What is pushed, and how."""

    app: AppName
    scan: Scan
    description: Description
    allow_outside_links: bool
    activation: ActivationOptions | None
    """None: the release is only stored."""
    transfer: SendOptions
    programs: tuple[Executable, ...] = ()
    """What its executables need on a host."""
    ignored_findings: tuple[Guess, ...] = ()
    """The kinds of preflight's findings that stop nothing, whether or not there is an activation."""
    retention: Policy | None = None
    """The app's retention policy from now on; None leaves it as it is."""
    links: tuple[DataLink, ...] = ()
    """What of the build is declared to lead to data outside of it."""
    collect: bool = False
    """Whether each host collects garbage after a successful push."""

    def with_activation(self, activation: ActivationOptions | None) -> Push:
        """As it is for a host that goes live in another way."""
        return replace(self, activation=activation)

    @property
    def publish(self) -> protocol.Publish:
        return protocol.Publish(self.app, *self.description, self.retention)


@dataclass(frozen=True)
class ActivationOptions:
    """How a generation is made current, on every host."""

    who: str
    recipe: Recipe
    lock_wait: int = 0
    """Seconds to wait for another activation."""
    override_hold: bool = False
    password: str = field(default="", repr=False)
    """For sudo; ``""`` when there is none."""
    ignored_findings: tuple[Guess, ...] = ()
    """The kinds of preflight's findings that stop no switch."""
    cut_old: bool = False
    """Whether to wait for no connection of the slot that is needed."""
    supersede: bool = False
    """Whether to go on although a rollout runs or waits on the host that this does not act for."""


@dataclass(frozen=True)
class Rejection:
    """A person's word that the generation which is left is bad."""

    reason: str = ""
