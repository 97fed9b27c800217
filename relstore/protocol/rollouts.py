"""Rollouts, as their hosts keep them: acting for one, noting how far it is, pausing, and what runs once.

What a rollout decides is the client's business (``client.rollout``); a host keeps what it is told, and
refuses who was taken over from. Not for an activation itself (``activation``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.command import Command
from relstore.formats.names import AppName, JobId
from relstore.formats.recipe import Recipe


class RolloutPart(NamedTuple):
    """What a rollout is to do at this host: enough for another client to go on with it."""

    generation: int
    previous: int
    """What was current before it began; 0 for nothing."""
    recipe: Recipe
    lock_wait: int
    override_hold: bool
    cut_old: bool
    rejects: Optional[str]
    """Why what is left is marked as bad; None where it is not."""


class RolloutBeginning(NamedTuple):
    """What is new with a rollout that begins."""

    plan_digest: str
    keepers: tuple[str, ...]
    command: str
    waves: int
    part: RolloutPart
    plan: bytes
    """Empty for a host that does not keep it."""


class TakeRollout(NamedTuple):
    """Act for a rollout from now on, also in the activations of this session. Reply: RolloutTaken."""

    app: AppName
    rollout: str
    epoch: int
    claim: str
    who: str
    state: str
    wave: int
    supersede: bool
    """Also from somebody who acts for it or for another one now, and from one that waits for a person."""
    begins: Optional[RolloutBeginning]
    """None: it goes on."""


class RolloutTaken(NamedTuple):
    part: Optional[RolloutPart]
    """As it was when the rollout began; None where the host cannot read it any more."""
    job: Optional[JobId]
    """The last activation for this rollout; None where there was none."""
    back: Optional[JobId]
    """The last way back."""


class NoteRollout(NamedTuple):
    """How far the rollout is that this session acts for. Reply: RolloutNoted."""

    app: AppName
    state: str
    wave: int
    waves: int
    serial: int
    why: str


class RolloutNoted(NamedTuple):
    pause: str
    """Who asked that it pauses after this wave, or empty."""


class PauseRollout(NamedTuple):
    """Ask whoever acts for a rollout to pause after the wave. Reply: Done."""

    app: AppName
    rollout: str
    who: str


class SupersedeRollout(NamedTuple):
    """The next activation of this session, which belongs to no rollout, happens although one runs or waits
    here. Reply: Done."""


class ListRollouts(NamedTuple):
    """Which rollouts does this host remember? Changes nothing. Reply: RolloutsOut, its body a stream of
    RolloutRow, the newest first."""

    app: AppName


class RolloutsOut(NamedTuple):
    damaged: tuple[str, ...]
    """Those whose record cannot be read, and why."""


class RolloutRow(NamedTuple):
    id: str
    epoch: int
    serial: int
    who: str
    since: int
    plan: str
    """The SHA-256 of the plan, in hexadecimal."""
    keepers: tuple[str, ...]
    command: str
    began: int
    generation: int
    previous: int
    state: str
    wave: int
    waves: int
    why: str
    pause: str
    is_held: bool
    """Whether a session that lives acts for it."""


class FetchPlan(NamedTuple):
    """The plan of a rollout, as it came. Reply: PlanOut."""

    app: AppName
    rollout: str


class PlanOut(NamedTuple):
    plan: bytes
    """Empty where this host does not keep it."""


class RunRolloutOnce(NamedTuple):
    """Run the rollout's command that runs once, in the build of this host's generation, unless it was run;
    follow it to its end. Events: Output. Reply: OnceRan."""

    app: AppName
    command: Command
    again: bool
    """Also where it began, and how it ended is not known."""
    skip: bool
    """Count it as done there."""


class OnceRan(NamedTuple):
    problem: str
    """Why it failed, or empty."""
    unclear: bool
    """Whether it began, and how it ended is not known: nothing was run."""
    ran: bool
    """Whether this request ran it; False where it was done before."""
