"""What a push and an activation are to do, decided before any host is asked.

Not for doing it (``stage``, ``activate``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.transfer.stream_plan import SendOptions
from relstore.formats.executable import Executable
from relstore.formats.generation import Description
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from relstore.formats.retention import Policy


@dataclass(frozen=True)
class Push:
    """What is pushed, and how."""

    app: AppName
    scan: Scan
    description: Description
    allow_outside_links: bool
    activation: ActivationOptions | None
    """None only stores it."""
    transfer: SendOptions
    programs: tuple[Executable, ...] = ()
    """What its executables need of a host."""
    retention: Policy | None = None
    """What is to be kept of the app from now on; None leaves it as it is."""
    collect: bool = False
    """Whether each host that ends well collects afterwards."""

    @property
    def publish(self) -> protocol.Publish:
        return protocol.Publish(self.app, *self.description, self.retention)


@dataclass(frozen=True)
class ActivationOptions:
    """How a generation is made current, wherever it is."""

    who: str
    recipe: Recipe
    lock_wait: int = 0
    """Seconds to wait for another activation."""
    override_hold: bool = False
    password: str = field(default="", repr=False)
    """For sudo; ``""``: none was given."""
