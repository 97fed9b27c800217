"""How the hosts of one command are gone through: the strategy, what is watched, and who is told.

Not for going through them (``conductor``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from relstore.client.fleet.recording import Once, Recording
from relstore.client.fleet.result import HostResult
from relstore.client.operations.plan import ActivationOptions
from relstore.client.rollout.machine import Rollout
from relstore.client.rollout.states import Action, Event
from relstore.client.rollout.strategy import STOP, Strategy
from relstore.client.target import Target

_ALONE = Strategy(on_failure=STOP)


@dataclass(frozen=True)
class OutsideCheck:
    """What is asked from this machine while a wave bakes."""

    url: str = ""
    command: tuple[str, ...] = ()
    directory: str | None = None
    """Where the command runs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the command has beside the variables of the rollout."""

    @property
    def is_empty(self) -> bool:
        return not (self.url or self.command)


class Observer:
    """Is told how a rollout goes. Ignores everything; override what you need."""

    def begin(self, rollout_id: str, rollout: Rollout, targets: Sequence[Target]) -> None:
        """It is about to begin; ``targets`` in the order of its hosts."""

    def moved(
        self, event: Event, rollout: Rollout, actions: Sequence[Action], results: Sequence[HostResult]
    ) -> None:
        """After ``event`` it is so, and this is done next."""


SILENT = Observer()


@dataclass(frozen=True)
class Course:
    """All of it. The default suits a single host: it is activated, and that is all."""

    strategy: Strategy = _ALONE
    bake_s: float = 0.0
    """How long the hosts are watched after each wave."""
    check: OutsideCheck = OutsideCheck()
    deadline_s: float | None = None
    """Of as many hosts as go at the same time; a larger wave has so many times that. None: for ever."""
    observer: Observer = SILENT
    options: Mapping[Target, ActivationOptions] = field(default_factory=dict)
    """Of hosts that do not go live like the others."""

    recording: Recording | None = None
    """None: the hosts keep no record of it."""
    once: Once | None = None
    names: Mapping[Target, str] = field(default_factory=dict)
    """What a person calls the hosts."""

    def told_to(self, observer: Observer) -> Course:
        return replace(self, observer=observer)

    def name_of(self, target: Target) -> str:
        return self.names.get(target, target.label)

    def options_at(self, target: Target, usual: ActivationOptions) -> ActivationOptions:
        return self.options.get(target, usual)


ONE_HOST = Course()
